//! Consumers: membership in a group, readiness, and watchdogs.
//!
//! - [`group`]: a member of a group that queues what rebalances change
//! - [`start_lookups`]: looks up, beside the loop, where newly assigned partitions begin
//! - [`readiness`]: whether a host is ready, and why not
//! - [`watchdog`]: ends a process whose host has stopped making progress
//! - [`stalled_partitions`]: finds partitions that have records which are not fetched
//! - `unassigned_partitions`: finds partitions that no member of the group owns
//! - [`connectivity`]: whether any broker can be reached
//! - [`poll_gap`]: measures the longest time between two polls
//!
//! Which upstream fault each watchdog guards against stands in `docs/watchdogs.md`.

pub mod connectivity;
pub mod group;
pub mod poll_gap;
pub mod readiness;
pub mod stalled_partitions;
pub mod start_lookups;
mod unassigned_partitions;
pub mod watchdog;
