//! Recovery: loads the state of newly assigned partitions while the worker continues with the
//! others.
//!
//! - [`committed_state`]: the threads that recover the partitions of one assignment
//! - [`replay`]: from snapshot and events to a partition's state
//! - [`log_reader`]: reads a topic to its end

pub(crate) mod committed_state;
pub(crate) mod log_reader;
pub(crate) mod replay;
