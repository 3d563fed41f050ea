//! Values of the field `event` in log lines, for alerts and tests: unlike the messages, they do not
//! change.

/// The group has revoked partitions of a worker.
pub const PARTITIONS_REVOKED: &str = "partitions_revoked";

/// A transaction was aborted, and its batch is retried after a pause.
pub const BATCH_RETRIED: &str = "batch_retried";

/// A worker has failed, and another is started from committed state.
pub const WORKER_RESTARTED: &str = "worker_restarted";
