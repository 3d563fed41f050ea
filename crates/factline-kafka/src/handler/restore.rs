//! Taking over partitions: their committed state, read from the log before the first command is handled.
//!
//! The order is what makes it safe. The group's *stable* committed offset comes first (the caller's part): it is
//! answered only when no transaction that holds an offset for the partition is open. Only then are the ends
//! captured, as high watermarks: the last stable offset would do if nobody's transaction were open, and with one
//! open it hides records that are already committed behind it. Then the log is read, read committed, to those ends.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use factline::Aggregate;
use factline_faults::{Mutant, is};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::command;
use super::dedupe::Remember;
use super::outgoing::Wire;
use super::partition::{Corrupt, Partition, Remembered};
use crate::config::KafkaConfig;
use crate::decode;
use crate::record::Record;

/// Why a restore was broken off; trying again can help.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
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

/// How long a restore goes on without any progress.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// A record that stops its partition until somebody mends it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Poison {
    #[error("event at {place} cannot be read")]
    Unreadable {
        place: String,
        source: decode::Error,
    },
    #[error("event at {place} does not continue the history")]
    Corrupt { place: String, source: Corrupt },
    #[error("evolving with the event at {place} panicked")]
    Panic { place: String },
}

/// What was restored of each partition.
pub(super) type Restored<A> = HashMap<i32, Result<Partition<A>, Poison>>;

const TIMEOUT: Duration = Duration::from_secs(10);

/// How far a restore has come, in offsets, for those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    done: AtomicI64,
    total: AtomicI64,
}

impl Progress {
    fn expect(&self, ends: &HashMap<i32, (i64, i64)>) {
        let more = ends.values().map(|(low, high)| high - low).sum();
        self.total.fetch_add(more, Ordering::Relaxed);
    }

    /// Between 0 and 100.
    pub(super) fn percent(&self) -> i64 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        (self.done.load(Ordering::Relaxed) * 100 / total).min(100)
    }
}

/// Reads the partitions' history.
pub(super) fn restore<A: Aggregate>(
    kafka: &KafkaConfig,
    wire: &Wire,
    runtime: &tokio::runtime::Handle,
    partitions: &[i32],
    remember: Remember,
    (progress, stop): (&Progress, &CancellationToken),
) -> Result<Restored<A>, Error> {
    let start = Instant::now();
    let (events, outcomes) = (wire.topics.events(), wire.topics.outcomes());
    let event_ends = log_ends(kafka, events, partitions)?;
    let outcome_ends = log_ends(kafka, outcomes, partitions)?;
    progress.expect(&event_ends);

    let mut restored: Restored<A> = partitions
        .iter()
        .map(|partition| (*partition, Ok(Partition::new(remember))))
        .collect();
    let mut count = 0_u64;
    read_to(kafka, events, &event_ends, stop, |record| {
        count += 1;
        progress.done.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = restored.get_mut(&record.partition)
            && let Ok(partition) = slot
            && let Err(poison) = replay(wire, runtime, partition, &record)?
        {
            *slot = Err(poison);
        }
        Ok(())
    })?;
    let outcome_ends = within_window(kafka, outcomes, outcome_ends, &restored, remember.window)?;
    read_to(kafka, outcomes, &outcome_ends, stop, |record| {
        if let Some(Ok(partition)) = restored.get_mut(&record.partition)
            && !is(Mutant::ForgetDedupe)
        {
            let envelope = record.envelope().ok();
            partition.remember(&Remembered {
                operation: record.operation(),
                time: record.timestamp,
                record: envelope
                    .as_ref()
                    .map(|envelope| (envelope.id, envelope.subject.as_str())),
                scope: envelope.as_ref().and_then(command::scope),
            });
        }
        Ok(())
    })?;
    let aggregates: usize = restored.values().flatten().map(Partition::len).sum();
    tracing::info!(
        topic = events,
        ?partitions,
        events = count,
        aggregates,
        milliseconds = start.elapsed().as_millis(),
        "partitions restored"
    );
    Ok(restored)
}

/// Moves the start of each partition's outcomes to the dedupe window: a window before its last event, which is no
/// later than its last outcome.
fn within_window<A: Aggregate>(
    kafka: &KafkaConfig,
    topic: &str,
    mut ends: HashMap<i32, (i64, i64)>,
    restored: &Restored<A>,
    window: TimeDelta,
) -> Result<HashMap<i32, (i64, i64)>, Error> {
    let failed = |source| Error::Kafka {
        what: "find where the dedupe window begins",
        source,
    };
    let mut times = TopicPartitionList::new();
    for partition in ends.keys() {
        if let Some(Ok(state)) = restored.get(partition) {
            let begin = (state.time() - window).timestamp_millis().max(0);
            times
                .add_partition_offset(topic, *partition, Offset::Offset(begin))
                .map_err(failed)?;
        }
    }
    if times.count() == 0 {
        return Ok(ends);
    }
    let found = reader(kafka, &nobody(kafka), "read_uncommitted")?
        .offsets_for_times(times, TIMEOUT)
        .map_err(failed)?;
    for place in found.elements() {
        if let (Offset::Offset(begin), Some((first, end))) =
            (place.offset(), ends.get_mut(&place.partition()))
        {
            *first = (*first).max(begin).min(*end);
        }
    }
    ends.retain(|_, (first, end)| first < end);
    Ok(ends)
}

fn replay<A: Aggregate>(
    wire: &Wire,
    runtime: &tokio::runtime::Handle,
    partition: &mut Partition<A>,
    record: &Record,
) -> Result<Result<(), Poison>, Error> {
    let place = record.place();
    let replayed = catch_unwind(AssertUnwindSafe(|| {
        let read = runtime.block_on(decode::message::<A::Event>(&wire.registry, record));
        read.map(|(envelope, event)| partition.replay(&envelope, &event))
    }));
    match replayed {
        Ok(Ok(Ok(()))) => Ok(Ok(())),
        Ok(Ok(Err(source))) => Ok(Err(Poison::Corrupt { place, source })),
        Ok(Err(error)) if error.is_transient() => Err(Error::Registry(error)),
        Ok(Err(source)) => Ok(Err(Poison::Unreadable { place, source })),
        Err(_) => Ok(Err(Poison::Panic { place })),
    }
}

/// A consumer's context that does not log the end of a partition, which is what a restore waits for.
pub(super) struct ToTheEnd;

impl ClientContext for ToTheEnd {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka consumer of a restore");
        }
    }
}

impl ConsumerContext for ToTheEnd {}

/// The group of those that neither join one nor ask for its offsets.
fn nobody(kafka: &KafkaConfig) -> String {
    format!("{}restore", kafka.topic_prefix)
}

/// A consumer that joins no group; librdkafka wants the name of one before it lets a consumer poll or ask for offsets.
pub(super) fn reader(
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

/// First offset and high watermark of each partition that holds anything.
pub(super) fn log_ends(
    kafka: &KafkaConfig,
    topic: &str,
    partitions: &[i32],
) -> Result<HashMap<i32, (i64, i64)>, Error> {
    let isolation = if is(Mutant::RestoreToStable) {
        "read_committed"
    } else {
        "read_uncommitted"
    };
    let uncommitted = reader(kafka, &nobody(kafka), isolation)?;
    let mut ends = HashMap::new();
    for partition in partitions {
        let (low, high) = uncommitted
            .fetch_watermarks(topic, *partition, TIMEOUT)
            .map_err(|source| Error::Kafka {
                what: "read the ends of the log",
                source,
            })?;
        if high > 0 {
            ends.insert(*partition, (low, high));
        }
    }
    Ok(ends)
}

/// Reads each partition from its first offset until its captured end is passed.
fn read_to(
    kafka: &KafkaConfig,
    topic: &str,
    ends: &HashMap<i32, (i64, i64)>,
    stop: &CancellationToken,
    mut take: impl FnMut(Record) -> Result<(), Error>,
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
                take(Record::from(&message))?;
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
    ends: &HashMap<i32, (i64, i64)>,
    watch: &mut Watch<'_>,
) -> Result<(), Error> {
    let mut pause = Duration::from_millis(5);
    for (partition, (_, end)) in ends {
        loop {
            // On a read committed consumer the high end is the last stable offset.
            let (_, stable) = consumer
                .fetch_watermarks(topic, *partition, TIMEOUT)
                .map_err(|source| Error::Kafka {
                    what: "read the last stable offset",
                    source,
                })?;
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
pub(super) fn is_passing(error: &KafkaError) -> bool {
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
