//! Why the commands of a partition are not decided for now.

use factline_kafka::records::decode;

/// What a partition waits for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Waiting {
    #[error("the registry does not answer")]
    Registry(#[from] decode::Error),
    #[error(
        "partition {partition} remembers {known} decided commands, and may not remember more (--dedupe-limit) nor forget \
         one before its time (--dedupe-hours)"
    )]
    Full { partition: i32, known: usize },
    #[error(
        "aggregates of partition {partition} take about {} MiB of memory, and may not take more (--state-limit-mb)",
        .bytes >> 20
    )]
    Heavy { partition: i32, bytes: u64 },
}
