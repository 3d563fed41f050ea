//! Recovery: loads the state of newly assigned partitions while the worker goes on with the others.
//!
//! - [`loader`]: one task per partition
//! - [`replay`]: from snapshot and events to a partition's state
//! - [`log_reader`]: reads a topic to its end

pub(crate) mod loader;
pub(crate) mod log_reader;
pub(crate) mod replay;
