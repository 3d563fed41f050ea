//! Trimming of commands topics on a real Kafka. No record that a process still needs is deleted.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

#[path = "../handler/account.rs"]
mod account;
mod bounds;
mod restart;
mod stage;
