//! Tests of the tracker with real servers. They are one binary, so that the servers start once.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected value"
)]

#[cfg(feature = "failpoints")]
mod absorption;
mod answers;
mod any_order;
mod cancels;
mod dead_letters;
mod lists;
mod retention;
mod rights;
mod streams;
mod system;
mod trimming;
mod undecodable;
mod unknown;
mod visibility;
mod waits;
mod webhooks;
mod workflows;
