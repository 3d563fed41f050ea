//! The command handler: exactly-once decisions over a commands topic.
//!
//! > poll → dedupe → expected version → decide → evolve an overlay → send events and outcomes → flush → offsets → commit → adopt
//!
//! A worker is one thread and one member of the aggregate's consumer group. For each batch it opens one transaction in
//! which the events, the outcomes and the offsets of the commands become visible together or not at all. A worker that
//! the group has expelled cannot commit: Kafka checks the group's generation when the offsets are sent (KIP-447). The
//! state that a worker holds is a cache of what is committed.
//!
//! - `supervisor`: starts workers and restarts them; `worker`: the loop; `transaction`: the producer
//! - `rebalance`, `assignment`: which partitions the worker handles; `recovery`: how their state is loaded
//! - `decide`: from a batch of commands and due deadlines to records; `idle_deadlines`: deadlines that no command brings
//! - `state`: the aggregates of a partition, and the ids of decided commands
//! - `snapshot`: states that are written down so that recovery is short
//! - `worker_metrics`, [`log_events`]: what a worker reports about itself
//!
//! It is not a place for business: rules are an [`Aggregate`](factline::Aggregate)'s.

mod assignment;
mod decide;
mod idle_deadlines;
pub mod log_events;
mod options;
mod rebalance;
mod recovery;
mod snapshot;
mod state;
mod supervisor;
mod transaction;
mod worker;
mod worker_metrics;

pub use decide::record_factory::{Wire, WireError};
pub use factline_kafka::consumer::readiness::Report;
pub use options::Options;
pub use supervisor::{Error, Fenced, run};
