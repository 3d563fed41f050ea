//! The producer of commands, for the edge, policies, the one-process application and the
//! command-line tool.
//!
//! - [`append`]: appends a record and waits for its acknowledgement
//! - [`polled`]: a producer whose delivery reports are read when there are some
//!
//! The handler's transactions use [`polled`] too. No other module writes events and outcomes.

pub mod append;
pub mod polled;
