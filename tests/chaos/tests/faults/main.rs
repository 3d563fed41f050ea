//! The store's guarantees under faults.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod duplicates;
mod kills;
mod money;
mod poison;
mod storm;
