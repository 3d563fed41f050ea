//! Tests of checkouts: the commands that follow from each fact, and the result of all of them
//! together.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod links;
mod money;
mod store;
