//! Reads a topic's partitions to a captured end offset, outside of the group. The recovery is based
//! on it.
//!
//! End offsets are high watermarks. The last stable offset would not do: an open transaction, of
//! any producer, hides the records that are already committed after its beginning. Only committed
//! records are read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline_failpoints::{Mutant, mutated};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::state::aggregates::ReadError;
use crate::state::disk::DiskError;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::client::transient::is_transient;
use factline_kafka::records::decode;
use factline_kafka::retry::Backoff;
use factline_kafka::topics::watermarks::{ends, ends_of};

/// Reason why a recovery failed; a retry can help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Kafka is unavailable, or refuses a request.
    #[error("cannot {what}")]
    Kafka {
        /// The request.
        what: &'static str,
        /// Kafka's error.
        #[source]
        source: KafkaError,
    },
    /// The registry is unavailable.
    #[error("cannot read a schema")]
    Registry(#[source] decode::Error),
    /// No progress: an open transaction does not end, the log lost its end, or the brokers are
    /// unavailable.
    #[error("{what}, and there was no progress for {} s", NO_PROGRESS.as_secs())]
    Slow {
        /// The state of the reading.
        what: String,
    },
    /// The disk fails, or takes nothing more.
    #[error(transparent)]
    State(#[from] ReadError),
    /// The handler is stopping.
    #[error("the handler is stopping")]
    Stopped,
}

impl From<DiskError> for Error {
    fn from(error: DiskError) -> Self {
        Self::State(error.into())
    }
}

/// For each partition, the first offset to read and the captured end offset.
pub(crate) type Ends = HashMap<i32, (i64, i64)>;

/// Maximum time for which a recovery continues without progress.
const NO_PROGRESS: Duration = Duration::from_secs(30);

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Watch over the progress of a recovery.
struct Watch<'s> {
    stop: &'s CancellationToken,
    progress: Instant,
    logged: Instant,
}

impl<'s> Watch<'s> {
    fn new(stop: &'s CancellationToken) -> Self {
        Self {
            stop,
            progress: Instant::now(),
            logged: Instant::now(),
        }
    }

    fn progressed(&mut self) {
        self.progress = Instant::now();
    }

    /// Ends the wait after a stop or without progress, and logs every two seconds that it
    /// continues.
    fn check(&mut self, what: impl FnOnce() -> String) -> Result<(), Error> {
        if self.stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        if self.progress.elapsed() > NO_PROGRESS {
            return Err(Error::Slow { what: what() });
        }
        if self.logged.elapsed() > Duration::from_secs(2) {
            self.logged = Instant::now();
            tracing::info!("recovery continues: {}", what());
        }
        Ok(())
    }
}

/// A consumer's context that does not log the end of a partition, which a recovery waits for.
pub(crate) struct ReaderContext;

impl ClientContext for ReaderContext {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka consumer of a recovery reports an error");
        }
    }
}

impl ConsumerContext for ReaderContext {}

/// Returns the group name of consumers that neither join a group nor read its offsets.
pub(crate) fn unused_group(kafka: &KafkaConfig) -> String {
    format!("{}restore", kafka.topic_prefix)
}

/// Creates a consumer that joins no group. librdkafka requires a group name before it lets a
/// consumer poll or read offsets.
pub(crate) fn reader(
    kafka: &KafkaConfig,
    group: &str,
    isolation: &str,
) -> Result<BaseConsumer<ReaderContext>, Error> {
    kafka
        .client_config()
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.queue.backoff.ms", "5")
        // The broker reports the end of a partition with an empty answer, which it holds back for
        // this time.
        .set("fetch.wait.max.ms", "10")
        // Each share of a recovery has a reader. With the defaults, the queue of each would take
        // 64 MiB of values, and several times that with the headers and the entries of the queue,
        // which librdkafka does not count. So the number of records is limited, too.
        .set("queued.max.messages.kbytes", "8192")
        .set("queued.min.messages", "5000")
        // For each partition. Records that are compressed take several times that in memory.
        .set("fetch.message.max.bytes", "262144")
        .create_with_context(ReaderContext)
        .map_err(|source| Error::Kafka {
            what: "create a consumer",
            source,
        })
}

/// Creates a consumer for which end offsets are high watermarks.
pub(crate) fn uncommitted(kafka: &KafkaConfig) -> Result<BaseConsumer<ReaderContext>, Error> {
    let isolation = if mutated(Mutant::RestoreToStable) {
        "read_committed"
    } else {
        "read_uncommitted"
    };
    reader(kafka, &unused_group(kafka), isolation)
}

/// Returns the error of unknown end offsets.
fn unknown(source: KafkaError) -> Error {
    Error::Kafka {
        what: "read the ends of the log",
        source,
    }
}

/// Returns the end offset of a partition, read by an existing consumer.
pub(crate) fn end(
    reader: &BaseConsumer<ReaderContext>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> Result<i64, Error> {
    let (_, end) = ends_of(reader, topic, partition, timeout).map_err(unknown)?;
    Ok(end)
}

/// Returns the first offset and the high watermark of each partition that has any records.
pub(crate) fn log_ends(
    kafka: &KafkaConfig,
    topic: &str,
    partitions: &[i32],
) -> Result<Ends, Error> {
    let mut known = ends(&uncommitted(kafka)?, topic, partitions, TIMEOUT).map_err(unknown)?;
    known.retain(|_, (_, high)| *high > 0);
    Ok(known.into_iter().collect())
}

/// Reads each partition from its first offset until its captured end offset is passed.
pub(crate) fn read_to(
    kafka: &KafkaConfig,
    topic: &str,
    ends: &Ends,
    stop: &CancellationToken,
    mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut open: Vec<i32> = ends
        .iter()
        .filter(|(_, (low, high))| low < high)
        .map(|(partition, _)| *partition)
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let failed = |source| Error::Kafka {
        what: "read the log",
        source,
    };
    let consumer = reader(kafka, &unused_group(kafka), "read_committed")?;
    let mut watch = Watch::new(stop);
    wait_until_stable(&consumer, topic, ends, &mut watch)?;
    let mut from = TopicPartitionList::new();
    for partition in &open {
        from.add_partition_offset(topic, *partition, Offset::Offset(ends[partition].0))
            .map_err(failed)?;
    }
    consumer.assign(&from).map_err(failed)?;
    // The last record of a partition may be a transaction's marker, which is never returned as a
    // message. But the log was stable up to the captured end before the first fetch. So
    // librdkafka's end-of-partition event is sufficient.
    let mut seen = 0_u64;
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                take(&message)?;
                seen += 1;
                watch.progressed();
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.retain(|known| *known != partition);
                watch.progressed();
            }
            Some(Err(error)) if is_transient(&error) => {
                tracing::warn!(topic, %error, "recovery waits for kafka");
            }
            Some(Err(error)) => return Err(failed(error)),
            None => {}
        }
        watch.check(|| {
            format!(
                "{seen} records of {topic} read, {} partitions left",
                open.len()
            )
        })?;
    }
    Ok(())
}

/// Waits until everything below the captured ends is committed or aborted. The open transaction of
/// a dead owner ends by its timeout, after some ten seconds. That of a living zombie ends because
/// its commit is refused.
fn wait_until_stable(
    consumer: &BaseConsumer<ReaderContext>,
    topic: &str,
    ends: &Ends,
    watch: &mut Watch<'_>,
) -> Result<(), Error> {
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(200));
    for (partition, (_, end)) in ends {
        loop {
            // For a consumer that reads committed records, the high end is the last stable offset.
            let stable = self::end(consumer, topic, *partition, TIMEOUT)?;
            if stable >= *end {
                watch.progressed();
                break;
            }
            watch.check(|| {
                format!("an open transaction holds {topic}/{partition} back at {stable} of {end}")
            })?;
            std::thread::sleep(backoff.pause());
        }
    }
    Ok(())
}
