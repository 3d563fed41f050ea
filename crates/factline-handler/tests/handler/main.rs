//! The command handler on a real Kafka: its guarantees, and each rule on which they depend.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

mod account;
mod cancels;
mod capacity;
mod commands;
mod conditions;
mod contract;
mod deadlines;
mod dry_runs;
mod judge;
mod killed;
mod late;
#[cfg_attr(
    not(feature = "failpoints"),
    expect(unused_imports, reason = "mutants exist with failpoints only")
)]
mod mutants;
mod orphaned;
mod process;
mod proxy;
mod registry;
mod rig;
mod rules;
mod snapshots;
mod takeover;
mod timestamps;
