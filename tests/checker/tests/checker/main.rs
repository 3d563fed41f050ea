//! Tests of the checker: it accepts correct histories and detects every change of one.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod corruption;
mod good;
mod property;
mod table;
mod world;
