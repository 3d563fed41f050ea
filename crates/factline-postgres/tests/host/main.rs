//! The host against a real broker and a real database: what it promises, and when it must stop.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod stage;
mod stopped;
mod stops;
mod survives;
mod waits;
mod zombies;
