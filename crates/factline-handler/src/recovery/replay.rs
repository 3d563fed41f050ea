//! Replay of partitions: reads their committed state from the log before the first command is
//! handled.
//!
//! The order makes it safe. The caller reads the group's *stable* committed offset first: Kafka
//! answers only when no transaction that holds an offset for the partition is open. Only then are
//! the end offsets captured, see `log_reader`. Then the log is read to those ends: the snapshots,
//! the events after them, and the outcomes of the dedupe window.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::TimeDelta;
use factline::{Aggregate, EventOf, Timestamp};
use factline_failpoints::{Mutant, mutated};
use rdkafka::consumer::Consumer as _;
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decide::checks;
use crate::decide::record_factory::RecordFactory;
use crate::recovery::log_reader::{self, Ends, Error, log_ends, read_to, unused_group};
use crate::snapshot::load::load;
use crate::state::partition::{Bounds, Corrupt, Partition, Remembered, ReplayError};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// A record that halts its partition until an operator intervenes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Poison {
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

/// The recovered state of each partition, or the record that halts it.
pub(crate) type Restored<A> = HashMap<i32, Result<Partition<A>, Poison>>;

/// Progress of a recovery, in offsets.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    done: AtomicI64,
    total: AtomicI64,
}

impl Progress {
    fn expect(&self, ends: &Ends) {
        let more = ends.values().map(|(low, high)| high - low).sum();
        self.total.fetch_add(more, Ordering::Relaxed);
    }

    /// Returns the progress, between 0 and 100.
    pub(crate) fn percent(&self) -> i64 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        (self.done.load(Ordering::Relaxed) * 100 / total).min(100)
    }
}

/// The sources and settings of a recovery.
pub(crate) struct Source<'k> {
    pub(crate) kafka: &'k KafkaConfig,
    pub(crate) factory: &'k RecordFactory,
    pub(crate) runtime: &'k tokio::runtime::Handle,
    pub(crate) progress: &'k Progress,
    pub(crate) stop: &'k CancellationToken,
}

/// Reads the partitions' state: their snapshots, the events after these, and the outcomes of the
/// dedupe window.
pub(crate) fn restore<A: Aggregate>(
    source: &Source<'_>,
    partitions: &[i32],
    bounds: &Bounds,
) -> Result<Restored<A>, Error> {
    let Source { kafka, factory, .. } = *source;
    let start = Instant::now();
    let (events, outcomes) = (factory.topics.events(), factory.topics.outcomes());
    let event_ends = log_ends(kafka, events, partitions)?;
    let outcome_ends = log_ends(kafka, outcomes, partitions)?;
    let snapshot_ends = log_ends(kafka, factory.topics.snapshots(), partitions)?;

    let mut loaded = load::<A>(
        kafka,
        factory,
        &snapshot_ends,
        &event_ends,
        &bounds.shared,
        source.stop,
    )?;
    let mut tails = event_ends.clone();
    for (partition, loaded) in &loaded {
        if let Some((first, _)) = tails.get_mut(partition) {
            *first = loaded.cover.tail.offset;
        }
    }
    let states = partitions.iter().map(|partition| {
        let state = Partition::new(factory, bounds, loaded.remove(partition));
        (*partition, Ok(state))
    });
    let mut restored: Restored<A> = states.collect();
    let loaded: usize = restored.values().flatten().map(Partition::len).sum();
    let mut count = replay_all(source, &tails, &mut restored)?;

    // A log that does not continue its snapshots may be readable from its first event.
    let mut again = Ends::new();
    for (partition, state) in &mut restored {
        let ends = event_ends.get(partition).copied().unwrap_or_default();
        if let Err(poison) = state
            && tails.get(partition).is_some_and(|tail| *tail != ends)
        {
            let reason = error_chain(poison);
            tracing::warn!(
                topic = events,
                partition,
                reason,
                "log does not continue the snapshots; replaying partition from its first event"
            );
            *state = Ok(Partition::new(factory, bounds, None));
            again.insert(*partition, ends);
        }
    }
    count += replay_all(source, &again, &mut restored)?;

    let outcome_ends = within_window(kafka, outcomes, outcome_ends, &restored, bounds.window)?;
    read_to(kafka, outcomes, &outcome_ends, source.stop, |message| {
        if let Some(Ok(partition)) = restored.get_mut(&message.partition())
            && !mutated(Mutant::ForgetDedupe)
        {
            remember(partition, message)?;
        }
        Ok(())
    })?;
    let aggregates: usize = restored.values().flatten().map(Partition::len).sum();
    let remembered: usize = restored.values().flatten().map(Partition::remembered).sum();
    tracing::info!(
        topic = events,
        ?partitions,
        snapshots = loaded,
        events = count,
        aggregates,
        remembered,
        milliseconds = start.elapsed().as_millis(),
        "partitions restored"
    );
    Ok(restored)
}

/// Reads events into their partitions. Returns the number of events.
fn replay_all<A: Aggregate>(
    source: &Source<'_>,
    ends: &Ends,
    restored: &mut Restored<A>,
) -> Result<u64, Error> {
    let Source { kafka, factory, .. } = *source;
    source.progress.expect(ends);
    let mut count = 0_u64;
    read_to(
        kafka,
        factory.topics.events(),
        ends,
        source.stop,
        |message| {
            let record = Record::from(message);
            count += 1;
            source.progress.done.fetch_add(1, Ordering::Relaxed);
            if let Some(slot) = restored.get_mut(&record.partition)
                && let Ok(partition) = slot
                && let Err(poison) = replay(factory, source.runtime, partition, &record)?
            {
                *slot = Err(poison);
            }
            Ok(())
        },
    )?;
    Ok(count)
}

/// Takes in an outcome. There may be millions of outcomes, so only the needed headers are read.
fn remember<A: Aggregate>(
    partition: &mut Partition<A>,
    message: &BorrowedMessage<'_>,
) -> Result<(), Error> {
    // The crate panics on a header whose name is not UTF-8, which another producer may have
    // written.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let (mut id, mut operation, mut subject) = (None, None, None);
        let (mut scope, mut delivery, mut command) = (None, None, None);
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            let place = match header.key {
                "ce_id" => &mut id,
                "ce_operation" => &mut operation,
                "ce_subject" => &mut subject,
                "ce_idempotencyscope" => &mut scope,
                "ce_delivery" => &mut delivery,
                "ce_commandposition" => &mut command,
                _ => continue,
            };
            *place = header
                .value
                .and_then(|value| std::str::from_utf8(value).ok());
        }
        (id, operation, subject, scope, delivery, command)
    }));
    let (id, operation, subject, scope, delivery, command) = read.unwrap_or_default();
    let uuid = |text: Option<&str>| text?.parse::<Uuid>().ok();
    let time = message.timestamp().to_millis();
    partition.remember(&Remembered {
        operation: uuid(operation).unwrap_or_else(|| Record::from(message).operation()),
        time: time
            .and_then(Timestamp::from_timestamp_millis)
            .unwrap_or_default(),
        record: uuid(id).zip(subject),
        scope: scope.map(checks::short_scope),
        delivery: delivery.and_then(|text| text.parse().ok()),
        is_deadline: command.is_none(),
    })?;
    Ok(())
}

/// Moves the start of each partition's outcomes to the beginning of the dedupe window: one window
/// before its last event, which is no later than its last outcome.
fn within_window<A: Aggregate>(
    kafka: &KafkaConfig,
    topic: &str,
    mut ends: Ends,
    restored: &Restored<A>,
    window: TimeDelta,
) -> Result<Ends, Error> {
    let failed = |source| Error::Kafka {
        what: "find the beginning of the dedupe window",
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
    let found = log_reader::reader(kafka, &unused_group(kafka), "read_uncommitted")?
        .offsets_for_times(times, log_reader::TIMEOUT)
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
    factory: &RecordFactory,
    runtime: &tokio::runtime::Handle,
    partition: &mut Partition<A>,
    record: &Record,
) -> Result<Result<(), Poison>, Error> {
    let place = record.place();
    let replayed = catch_unwind(AssertUnwindSafe(|| {
        let read = runtime.block_on(decode::message::<EventOf<A::Type>>(
            &factory.registry,
            record,
        ));
        read.map(|(envelope, event)| partition.replay(record.offset, &envelope, &event))
    }));
    match replayed {
        Ok(Ok(Ok(()))) => Ok(Ok(())),
        Ok(Ok(Err(ReplayError::Corrupt(source)))) => Ok(Err(Poison::Corrupt { place, source })),
        Ok(Ok(Err(ReplayError::Read(error)))) => Err(error.into()),
        Ok(Err(error)) if error.is_transient() => Err(Error::Registry(error)),
        Ok(Err(source)) => Ok(Err(Poison::Unreadable { place, source })),
        Err(_) => Ok(Err(Poison::Panic { place })),
    }
}
