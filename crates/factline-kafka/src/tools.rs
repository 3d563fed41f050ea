//! Reading for operators: a topic to its end, or the history of one aggregate. Checks that servers
//! answer. Writing for the restore of a backup.
//!
//! The hosts do not use this module.

pub mod aggregate_history;
pub mod backlog;
pub mod groups;
pub mod partition_scan;
pub mod servers;
pub mod topic_reader;
pub mod topic_writer;
