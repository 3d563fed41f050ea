//! The tracker against real servers. One binary, so that they start once.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it must be"
)]

mod absorption;
mod answers;
mod any_order;
mod rights;
mod system;
mod trimming;
mod undecodable;
mod workflows;
