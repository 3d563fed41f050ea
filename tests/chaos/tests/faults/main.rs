//! What the store promises while things break.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod kills;
mod money;
mod poison;
mod storm;
