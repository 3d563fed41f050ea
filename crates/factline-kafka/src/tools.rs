//! Reading for operators: a topic to its end, or the history of one aggregate. Checks that servers
//! answer.
//!
//! The hosts do not use this module.

pub mod aggregate_history;
pub mod backlog;
pub mod groups;
pub mod servers;
pub mod topic_reader;
