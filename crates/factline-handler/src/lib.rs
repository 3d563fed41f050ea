//! The command handler: exactly-once decisions over a commands topic.
//!
//! > poll → dedupe → expected version → decide → evolve an overlay → send events and outcomes →
//! > flush → offsets → commit → adopt
//!
//! A worker is one thread and one member of the aggregate's consumer group. For each batch it opens
//! one transaction in which the events, the outcomes and the offsets of the commands become visible
//! together or not at all. A worker that the group has expelled cannot commit: Kafka checks the
//! group's generation when the offsets are sent (KIP-447). The state that a worker holds is a cache
//! of the committed state.
//!
//! - `supervisor`: starts workers and restarts them; `worker`: the loop; `transaction`: the
//!   producer
//! - `rebalance`, `assignment`: the partitions of the worker; `recovery`: loads their state
//! - `decide`: decides a batch of commands and due deadlines; `idle_deadlines`: deadlines in idle
//!   partitions
//! - `state`: the aggregates of a partition, and the ids of decided commands
//! - [`deadlines`]: lists the deadlines that are set, for tools
//! - [`dry_run`]: decides recorded commands again, by other rules, for tools
//! - `snapshot`: stored states that keep recovery short
//! - [`process`]: the process `command-handlers`, which hosts a list of [`HostedAggregate`]s
//! - `worker_metrics`, [`log_events`]: metrics and log fields of a worker
//!
//! This crate contains no business code: the rules are in an [`Aggregate`](factline::Aggregate).

mod assignment;
pub mod deadlines;
mod decide;
pub mod dry_run;
mod hosted;
mod idle_deadlines;
pub mod log_events;
mod options;
pub mod process;
mod readiness;
mod rebalance;
mod recovery;
mod snapshot;
mod state;
mod supervisor;
mod transaction;
mod worker;
mod worker_metrics;

pub use decide::record_factory::{RecordFactory, RecordFactoryError};
pub use factline_kafka::consumer::readiness::Report;
pub use hosted::{HostedAggregate, StateError};
pub use options::Options;
pub use state::resources::Resources;
pub use supervisor::{Error, Fenced, run};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
