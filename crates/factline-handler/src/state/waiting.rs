//! The reason why the commands of a partition are not decided at present.

use factline_kafka::records::decode;

/// Reason why a partition waits.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Waiting {
    #[error("registry is unavailable")]
    Registry(#[from] decode::Error),
    #[error(
        "partition {partition} remembers {known} decided commands, the maximum (--dedupe-limit), and none is older than \
         the dedupe window (--dedupe-hours)"
    )]
    Full { partition: i32, known: usize },
    #[error(
        "aggregates of partition {partition} take about {} MiB of memory, the maximum (--state-limit-mb)",
        .bytes >> 20
    )]
    OverMemoryLimit { partition: i32, bytes: u64 },
}
