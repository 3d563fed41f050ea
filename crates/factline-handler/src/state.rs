//! The committed state of partitions, held in memory.
//!
//! - [`partition`]: the aggregates of a partition and an overlay of undecided changes
//! - [`aggregate`]: one aggregate with its version and deadlines
//! - [`dedupe`]: ids of decided commands within a window of time
//! - [`senders`]: the commands of senders that number them
//! - [`waiting`]: the reason why the commands of a partition are not decided at present

pub(crate) mod aggregate;
pub(crate) mod dedupe;
pub(crate) mod partition;
pub(crate) mod senders;
pub(crate) mod waiting;
