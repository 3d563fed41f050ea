//! The sender as the process that it is, between a log on real servers and a provider that behaves as it is told to.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod asks;
mod outside;
mod stage;
