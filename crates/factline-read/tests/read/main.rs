//! Declared resources over HTTP, with responses from a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arbitrary;
mod documents;
mod library;
mod lists;
mod mistakes;
mod openapi;
mod pages;
mod plans;
mod readiness;
mod stage;
