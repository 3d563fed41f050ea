//! The deadlines that are set and not decided yet, for tools.
//!
//! A deadline is no record: it follows from the events. So the partitions are recovered as a
//! handler recovers them, from snapshots, events and outcomes, and nothing is written. A handler
//! decides deadlines meanwhile; the result is of the moment at which the reading began.

use std::error::Error as StdError;

use chrono::TimeDelta;
use factline::{Aggregate, AggregateType as _, Messages as _, Timestamp, error_chain};
use factline_kafka::KafkaConfig;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decide::record_factory::{RecordFactory, RecordFactoryError};
use crate::recovery::replay::{Progress, Source, restore};
use crate::state::partition::{Bounds, Partition};
use crate::state::resources::Shared;

/// The time for which handlers remember operations by default. Longer than that, a deadline that
/// was decided without an event is known from snapshots only.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// A deadline that is set and not decided yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetDeadline {
    /// The time at which it comes due.
    pub due: Timestamp,
    /// The aggregate's id.
    pub subject: String,
    /// The type of the command that is decided then.
    pub command: &'static str,
    /// The operation of that decision.
    pub operation: Uuid,
    /// The time of the event that set it.
    pub set_at: Timestamp,
    /// The aggregate's version that set it.
    pub set_by_version: u64,
    /// The partition.
    pub partition: i32,
}

/// The deadlines of an aggregate type.
#[derive(Debug, Clone, Default)]
pub struct SetDeadlines {
    /// The first ones, in the order in which they come due.
    pub first: Vec<SetDeadline>,
    /// The number of all.
    pub total: usize,
}

/// Reason why deadlines cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry, or the events topic, is unavailable.
    #[error(transparent)]
    RecordFactory(#[from] RecordFactoryError),
    /// The log cannot be read.
    #[error("cannot recover the aggregates")]
    Recovery(#[source] Box<dyn StdError + Send + Sync>),
    /// An event halts a partition, so its deadlines are unknown.
    #[error("the deadlines of partition {partition} are unknown: {reason}")]
    Halted {
        /// The partition.
        partition: i32,
        /// The fault of the event.
        reason: String,
    },
}

/// Returns at most `limit` deadlines. Stops when the future is dropped.
pub(crate) async fn list<A: Aggregate>(
    kafka: KafkaConfig,
    limit: usize,
) -> Result<SetDeadlines, Error> {
    let factory = RecordFactory::for_reading(&kafka, A::Type::CONTRACT).await?;
    let stop = CancellationToken::new();
    let _stops_thread = stop.clone().drop_guard();
    let runtime = tokio::runtime::Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let source = Source {
            kafka: &kafka,
            factory: &factory,
            runtime: &runtime,
            progress: &Progress::default(),
            stop: &stop,
        };
        let bounds = Bounds {
            window: WINDOW,
            snapshots_every: 0,
            shared: Shared::new(None, None),
        };
        let partitions: Vec<i32> = (0..kafka.contract(A::Type::CONTRACT).partitions).collect();
        read::<A>(&source, &partitions, &bounds, limit)
    });
    match reading.await {
        Ok(listed) => listed,
        Err(error) => Err(Error::Recovery(error.into())),
    }
}

fn read<A: Aggregate>(
    source: &Source<'_>,
    partitions: &[i32],
    bounds: &Bounds,
    limit: usize,
) -> Result<SetDeadlines, Error> {
    let restored = restore::<A>(source, partitions, bounds);
    let restored = restored.map_err(|error| Error::Recovery(error.into()))?;
    let mut listed = SetDeadlines::default();
    for (partition, state) in restored {
        let state = state.map_err(|poison| Error::Halted {
            partition,
            reason: error_chain(&poison),
        })?;
        listed.total += state.deadlines().len();
        listed.first.extend(first_of(partition, &state, limit)?);
    }
    listed.first.sort();
    listed.first.truncate(limit);
    Ok(listed)
}

fn first_of<A: Aggregate>(
    partition: i32,
    state: &Partition<A>,
    limit: usize,
) -> Result<Vec<SetDeadline>, Error> {
    let mut first = Vec::new();
    for (due, subject) in state.deadlines().iter().take(limit) {
        let shown = state.read(subject, |stored| {
            let wake = stored.wake.as_ref()?;
            Some(SetDeadline {
                due: *due,
                subject: subject.to_string(),
                command: stored.state.deadline()?.command.record(),
                operation: stored.deadline(subject)?,
                set_at: wake.cause.time,
                set_by_version: wake.set,
                partition,
            })
        });
        let shown = shown.map_err(|error| Error::Recovery(error.into()))?;
        first.extend(shown.flatten());
    }
    Ok(first)
}
