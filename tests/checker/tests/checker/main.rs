//! The judge, judged: histories that are right pass, and whatever is changed in one is found.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod corruption;
mod good;
mod property;
mod table;
mod world;
