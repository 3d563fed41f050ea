//! Options of a command handler, as its process takes them.

/// Options of a command handler.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Commands in one transaction at most
    #[arg(long, env = "FACTLINE_MAX_BATCH", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_batch: u32,

    /// Threads that decide commands of an aggregate in this process, each a member of the group with partitions of its own
    #[arg(long, env = "FACTLINE_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,

    /// Milliseconds without a heartbeat after which the group gives a process's partitions to others
    #[arg(long, env = "FACTLINE_SESSION_TIMEOUT_MS", default_value_t = 10_000)]
    pub session_timeout_ms: u32,

    /// Milliseconds after which Kafka aborts the transaction of a process that has ended. Until then, and for some
    /// seconds more, no process in another slot can take its partitions over
    #[arg(
        long,
        env = "FACTLINE_TRANSACTION_TIMEOUT_MS",
        default_value_t = 10_000
    )]
    pub transaction_timeout_ms: u32,

    /// Hours for which the id of a decided command is remembered; must be less than the outcomes topic is kept
    #[arg(long, env = "FACTLINE_DEDUPE_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=168))]
    pub dedupe_hours: u32,

    /// Decided commands that are remembered for a partition at most, some 80 bytes each; beyond them the partition stops,
    /// since none may be forgotten within the hours above
    #[arg(long, env = "FACTLINE_DEDUPE_LIMIT", default_value_t = 5_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub dedupe_limit: u32,

    /// Number of events of a partition after which its changed aggregates are written to the snapshots topic. A restart
    /// reads between this number of events and twice as many. 0: no snapshots are written
    #[arg(long, env = "FACTLINE_SNAPSHOT_EVERY", default_value_t = 20_000)]
    pub snapshot_every: u32,

    /// Mebibytes that the aggregates of a partition may take in memory, about; beyond them the partition stops
    #[arg(long, env = "FACTLINE_STATE_LIMIT_MB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub state_limit_mb: u32,
}
