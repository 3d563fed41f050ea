//! Options of a command handler's process.

use std::path::PathBuf;

use crate::Resources;

/// Options of a command handler.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Maximum number of commands in one transaction
    #[arg(long, env = "FACTLINE_MAX_BATCH", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_batch: u32,

    /// Number of workers of an aggregate in this process. Each worker is a thread and a member of
    /// the group, with its own partitions
    #[arg(long, env = "FACTLINE_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,

    /// Milliseconds without a heartbeat after which the group reassigns a process's partitions
    #[arg(long, env = "FACTLINE_SESSION_TIMEOUT_MS", default_value_t = 10_000)]
    pub session_timeout_ms: u32,

    /// Milliseconds after which Kafka aborts the open transaction of a process that has ended.
    /// Until then, and for some seconds more, no process with another instance id can take over its
    /// partitions
    #[arg(
        long,
        env = "FACTLINE_TRANSACTION_TIMEOUT_MS",
        default_value_t = 10_000
    )]
    pub transaction_timeout_ms: u32,

    /// Hours for which the id of a decided command is remembered; must be less than the retention
    /// of the outcomes topic
    #[arg(long, env = "FACTLINE_DEDUPE_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=168))]
    pub dedupe_hours: u32,

    /// Number of events of a partition after which its changed aggregates are written to the
    /// snapshots topic. A restart reads between this number of events and twice as many. 0: no
    /// snapshots are written
    #[arg(long, env = "FACTLINE_SNAPSHOT_EVERY", default_value_t = 20_000)]
    pub snapshot_every: u32,

    /// Memory that the process may use, in mebibytes. Half of it is for states: what exceeds it
    /// moves to the disk. The default is the limit of the container, or the memory of the machine
    #[arg(long, env = "FACTLINE_MEMORY_MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory_mb: Option<u32>,

    /// Folder for states that do not fit into memory: a cache that is deleted at the end.
    /// Containers must not share it. The default is in the folder for temporary files
    #[arg(long, env = "FACTLINE_STATE_DIR")]
    pub state_dir: Option<PathBuf>,

    /// The memory and the disk of the process.
    #[arg(skip)]
    pub resources: Resources,
}
