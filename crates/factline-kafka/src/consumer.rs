//! Consumers: membership in a group, readiness, and watchdogs.
//!
//! - [`host`]: the part that every host shares, up to where the progress of partitions is stored
//! - [`group`]: the client of a member; its callbacks queue the changes of rebalances
//! - [`start_lookups`]: looks up the start offsets of newly assigned partitions outside the loop
//! - [`readiness`]: reports that a host is ready, or the reasons why it is not
//! - [`watchdog`]: ends a process whose host has stopped making progress
//! - [`stalled_partitions`]: finds partitions that have records which are not being fetched
//! - [`stuck_partitions`]: names partitions that have records and do not move
//! - `unassigned_partitions`: finds partitions that no member of the group owns
//! - [`connectivity`]: records whether any broker can be reached
//! - [`poll_gap`]: measures the longest time between two polls
//!
//! `docs/watchdogs.md` lists the upstream fault that each watchdog guards against.

pub mod connectivity;
pub mod group;
pub mod host;
pub mod poll_gap;
pub mod readiness;
pub mod stalled_partitions;
pub mod start_lookups;
pub mod stuck_partitions;
pub(crate) mod unassigned_partitions;
pub mod watchdog;
