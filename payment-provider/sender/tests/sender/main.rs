//! The sender's process between a log on real servers and a provider with scripted responses.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod asks;
mod outside;
mod stage;
