//! The committed state of partitions, in memory and on disk.
//!
//! - [`partition`]: the state of a partition; [`overlay`] and
//!   [`changes`]: what a batch changes
//! - [`aggregates`]: the aggregates of a partition, in memory or on disk; `disk_form`: their form
//!   there
//! - [`aggregate`]: one aggregate with its version and deadlines
//! - [`dedupe`]: ids of decided commands within a window of time
//! - [`senders`]: the commands of senders that number them
//! - [`resources`]: the [`memory`] and the [`disk`] that a process has for all of it
//! - [`waiting`]: the reason why the commands of a partition are not decided at present

pub(crate) mod aggregate;
pub(crate) mod aggregates;
pub(crate) mod changes;
pub(crate) mod dedupe;
pub(crate) mod disk;
mod disk_form;
pub(crate) mod memory;
pub(crate) mod overlay;
pub(crate) mod partition;
pub(crate) mod resources;
pub(crate) mod senders;
pub(crate) mod waiting;
