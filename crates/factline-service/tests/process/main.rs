//! A real process: its lifecycle, and the limits of its listener.
//!
//! The process is the example `greeter`. `cargo test -p factline-service` builds both; `--test
//! process` alone would not.

#![expect(clippy::unwrap_used, reason = "a test")]

mod greeter;
mod lifecycle;
mod listener;
