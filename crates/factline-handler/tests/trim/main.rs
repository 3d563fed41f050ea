//! Commands topics on a real Kafka are trimmed, and nothing that somebody still needs goes away.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

#[path = "../handler/account.rs"]
mod account;
mod bounds;
mod restart;
mod stage;
