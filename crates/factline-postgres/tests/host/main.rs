//! The host on a real broker and a real database: its guarantees, and the failures that must halt
//! it.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

#[cfg(feature = "failpoints")]
mod blind_checkpoint;
mod halts;
mod parks;
mod redrives;
mod rewinds;
mod stage;
mod stopped;
mod stops;
mod survives;
mod waits;
mod zombies;
