//! Reading a topic's partitions to an end that was captured, beside the group: what a restore stands on.
//!
//! Ends are high watermarks: the last stable offset would do if nobody's transaction were open, and with one open it hides
//! records that are already committed behind it. What is read is committed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline_failpoints::{Mutant, mutated};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::decode;
use factline_kafka::topics::watermarks::{ends, ends_of};

/// Why a restore was broken off; trying again can help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Kafka is away, or says no.
    #[error("cannot {what}")]
    Kafka {
        /// What was to be done.
        what: &'static str,
        /// Kafka's answer.
        #[source]
        source: KafkaError,
    },
    /// The registry is away.
    #[error("cannot read a schema")]
    Registry(#[source] decode::Error),
    /// Nothing has come for long: an open transaction that does not end, a log that lost its end, brokers away.
    #[error("{what}, and nothing has come for {} s", PATIENCE.as_secs())]
    Slow {
        /// What is waited for.
        what: String,
    },
    /// The handler is being stopped.
    #[error("the handler is being stopped")]
    Stopped,
}

/// Of each partition, where to begin and where to end.
pub(crate) type Ends = HashMap<i32, (i64, i64)>;

/// How long a restore goes on without any progress.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Watches over a wait.
struct Watch<'s> {
    stop: &'s CancellationToken,
    progress: Instant,
    told: Instant,
}

impl<'s> Watch<'s> {
    fn new(stop: &'s CancellationToken) -> Self {
        Self {
            stop,
            progress: Instant::now(),
            told: Instant::now(),
        }
    }

    fn progressed(&mut self) {
        self.progress = Instant::now();
    }

    /// Ends the wait when it is in vain, and says every two seconds that it goes on.
    fn check(&mut self, what: impl FnOnce() -> String) -> Result<(), Error> {
        if self.stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        if self.progress.elapsed() > PATIENCE {
            return Err(Error::Slow { what: what() });
        }
        if self.told.elapsed() > Duration::from_secs(2) {
            self.told = Instant::now();
            tracing::info!("restore goes on: {}", what());
        }
        Ok(())
    }
}

/// A consumer's context that does not log the end of a partition, which is what a restore waits for.
pub(crate) struct ToTheEnd;

impl ClientContext for ToTheEnd {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka consumer of a restore");
        }
    }
}

impl ConsumerContext for ToTheEnd {}

/// The group of those that neither join one nor ask for its offsets.
pub(crate) fn nobody(kafka: &KafkaConfig) -> String {
    format!("{}restore", kafka.topic_prefix)
}

/// A consumer that joins no group; librdkafka wants the name of one before it lets a consumer poll or ask for offsets.
pub(crate) fn reader(
    kafka: &KafkaConfig,
    group: &str,
    isolation: &str,
) -> Result<BaseConsumer<ToTheEnd>, Error> {
    kafka
        .client_config()
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.queue.backoff.ms", "5")
        // The end of a partition is told with an empty answer, which the broker holds back for so long.
        .set("fetch.wait.max.ms", "10")
        .create_with_context(ToTheEnd)
        .map_err(|source| Error::Kafka {
            what: "make a consumer",
            source,
        })
}

/// A reader to whom ends are high watermarks.
pub(crate) fn uncommitted(kafka: &KafkaConfig) -> Result<BaseConsumer<ToTheEnd>, Error> {
    let isolation = if mutated(Mutant::RestoreToStable) {
        "read_committed"
    } else {
        "read_uncommitted"
    };
    reader(kafka, &nobody(kafka), isolation)
}

/// Why ends are not known.
fn unknown(source: KafkaError) -> Error {
    Error::Kafka {
        what: "read the ends of the log",
        source,
    }
}

/// The end of a partition, to a reader that was made before.
pub(crate) fn end(
    reader: &BaseConsumer<ToTheEnd>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> Result<i64, Error> {
    let (_, end) = ends_of(reader, topic, partition, timeout).map_err(unknown)?;
    Ok(end)
}

/// First offset and high watermark of each partition that holds anything.
pub(crate) fn log_ends(
    kafka: &KafkaConfig,
    topic: &str,
    partitions: &[i32],
) -> Result<Ends, Error> {
    let mut known = ends(&uncommitted(kafka)?, topic, partitions, TIMEOUT).map_err(unknown)?;
    known.retain(|_, (_, high)| *high > 0);
    Ok(known.into_iter().collect())
}

/// Reads each partition from its first offset until its captured end is passed.
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
    let consumer = reader(kafka, &nobody(kafka), "read_committed")?;
    let mut watch = Watch::new(stop);
    wait_until_stable(&consumer, topic, ends, &mut watch)?;
    let mut from = TopicPartitionList::new();
    for partition in &open {
        from.add_partition_offset(topic, *partition, Offset::Offset(ends[partition].0))
            .map_err(failed)?;
    }
    consumer.assign(&from).map_err(failed)?;
    // The end of a partition may be a transaction's marker, which no message shows; but the log was stable beyond
    // the captured end before the first fetch, so librdkafka's word that a partition is at its end is enough.
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
            Some(Err(error)) if is_passing(&error) => {
                tracing::warn!(topic, %error, "restore waits for kafka");
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

/// Waits until everything below the captured ends is committed or aborted: an open transaction of a dead owner
/// ends by its time-out, some ten seconds, and one of a living zombie by its commit being refused.
fn wait_until_stable(
    consumer: &BaseConsumer<ToTheEnd>,
    topic: &str,
    ends: &Ends,
    watch: &mut Watch<'_>,
) -> Result<(), Error> {
    let mut pause = Duration::from_millis(5);
    for (partition, (_, end)) in ends {
        loop {
            // On a read committed consumer the high end is the last stable offset.
            let stable = self::end(consumer, topic, *partition, TIMEOUT)?;
            if stable >= *end {
                watch.progressed();
                break;
            }
            watch.check(|| {
                format!("an open transaction holds {topic}/{partition} back at {stable} of {end}")
            })?;
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Whether a consumer's error is news of a broker that librdkafka goes on to look for.
pub(crate) fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::OperationTimedOut
                | Code::Resolve
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::UnknownTopicOrPartition
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
        )
    )
}
