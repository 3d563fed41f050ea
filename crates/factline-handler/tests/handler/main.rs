//! The command handler against a real Kafka: what it promises, and each rule that holds the promise up.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod account;
mod commands;
mod conditions;
mod contract;
mod deadlines;
mod judge;
mod killed;
mod late;
mod line;
mod mutants;
mod orphaned;
mod process;
mod rig;
mod rules;
mod snapshots;
mod takeover;
