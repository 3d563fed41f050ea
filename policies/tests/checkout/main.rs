//! Checkouts: what each fact leads to, and what comes of it all together.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod links;
mod money;
mod store;
