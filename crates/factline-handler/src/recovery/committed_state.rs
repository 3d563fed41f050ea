//! The committed state of partitions, as the handler's [`Progress`].
//!
//! Each share of the assigned partitions is read by a thread of its own, while the worker continues
//! with its other partitions. A share whose recovery fails is recovered again alone. No worker
//! handles the partitions meanwhile: the previous owner has released them, and this worker does not
//! fetch their commands yet.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use factline::Aggregate;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::decide::record_factory::RecordFactory;
use crate::recovery::log_reader::{self, Error, TIMEOUT, log_ends};
use crate::recovery::replay::{self, Source, restore};
use crate::state::memory::MemoryBudget;
use crate::state::partition::{Bounds, Partition};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::consumer::host::Progress;

/// Maximum number of threads that recover the partitions of one assignment: decoding takes a core
/// each.
const MAX_THREADS: usize = 4;

/// The state that events, outcomes and offsets in Kafka come to.
pub(crate) struct CommittedState<A> {
    kafka: KafkaConfig,
    factory: Arc<RecordFactory>,
    bounds: Bounds,
    stop: CancellationToken,
    recoveries: Recoveries,
    aggregate: PhantomData<fn() -> A>,
}

/// The recoveries that are running, for readiness and metrics.
#[derive(Clone, Default)]
pub(crate) struct Recoveries(Arc<Mutex<Vec<Running>>>);

struct Running {
    partitions: Vec<i32>,
    /// It lives as long as the recovery.
    progress: Weak<replay::Progress>,
}

/// A partition with its state, or the reason why it is halted.
pub(crate) type Recovered<A> = Result<Partition<A>, String>;

/// Reason why states are not recovered yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("cannot restore partitions {partitions:?}")]
    Restore { partitions: Vec<i32>, source: Error },
    #[error("the recovery of partitions {0:?} panicked")]
    Panicked(Vec<i32>),
}

impl<A> Clone for CommittedState<A> {
    fn clone(&self) -> Self {
        Self {
            kafka: self.kafka.clone(),
            factory: Arc::clone(&self.factory),
            bounds: self.bounds.clone(),
            stop: self.stop.clone(),
            recoveries: self.recoveries.clone(),
            aggregate: PhantomData,
        }
    }
}

impl<A: Aggregate> CommittedState<A> {
    pub(crate) fn new(
        kafka: &KafkaConfig,
        factory: &Arc<RecordFactory>,
        bounds: Bounds,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            kafka: kafka.clone(),
            factory: Arc::clone(factory),
            bounds,
            stop: stop.clone(),
            recoveries: Recoveries::default(),
            aggregate: PhantomData,
        }
    }

    pub(crate) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.bounds.shared.memory
    }

    pub(crate) fn recoveries(&self) -> &Recoveries {
        &self.recoveries
    }
}

impl<A: Aggregate> Progress for CommittedState<A> {
    type Start = Recovered<A>;
    type Error = RecoveryError;

    fn shares(&self, partitions: Vec<TopicPartition>) -> Vec<Vec<TopicPartition>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        shares(&partitions, cores.min(MAX_THREADS))
    }

    /// Recovers the states of partitions. When the future is dropped, its thread stops.
    async fn look_up(
        self,
        keys: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Recovered<A>)>, RecoveryError> {
        let partitions: Vec<i32> = keys.into_iter().map(|(_, partition)| partition).collect();
        let progress = self.recoveries.begin(&partitions);
        let wanted = self.stop.child_token();
        let _stops_thread = wanted.clone().drop_guard();
        let topic = self.factory.topics.commands().to_owned();
        let (runtime, share) = (tokio::runtime::Handle::current(), partitions.clone());
        let thread = tokio::task::spawn_blocking(move || {
            let source = Source {
                kafka: &self.kafka,
                factory: &self.factory,
                runtime: &runtime,
                progress: &progress,
                stop: &wanted,
            };
            recover_partitions::<A>(&source, &share, &self.bounds)
        });
        let recovered = match thread.await {
            Ok(Ok(recovered)) => recovered,
            Ok(Err(source)) => return Err(RecoveryError::Restore { partitions, source }),
            Err(_) => return Err(RecoveryError::Panicked(partitions)),
        };
        let starts = recovered.into_iter();
        let starts = starts.map(|(partition, state)| ((topic.clone(), partition), state));
        Ok(starts.collect())
    }
}

/// Divides partitions into at most `most` shares of about the same size.
fn shares(partitions: &[TopicPartition], most: usize) -> Vec<Vec<TopicPartition>> {
    let size = partitions.len().div_ceil(most).max(1);
    partitions.chunks(size).map(<[_]>::to_vec).collect()
}

impl Recoveries {
    fn begin(&self, partitions: &[i32]) -> Arc<replay::Progress> {
        let progress = Arc::new(replay::Progress::default());
        self.running().push(Running {
            partitions: partitions.to_vec(),
            progress: Arc::downgrade(&progress),
        });
        progress
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|running| running.progress.strong_count() > 0);
        running
    }

    /// Returns the progress for readiness; `None` if nothing is being recovered.
    pub(crate) fn describe(&self) -> Option<String> {
        let running = self.running();
        let texts = running.iter().filter_map(|running| {
            let percent = running.progress.upgrade()?.percent();
            let partitions = &running.partitions;
            Some(format!(
                "restoring partitions {partitions:?}: {percent} % of their events"
            ))
        });
        let texts: Vec<String> = texts.collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Returns the progress in events of the slowest recovery, between 0 and 100; 100 if there is
    /// none.
    pub(crate) fn percent(&self) -> i64 {
        let running = self.running();
        let percents = running
            .iter()
            .filter_map(|running| running.progress.upgrade());
        percents
            .map(|progress| progress.percent())
            .min()
            .unwrap_or(100)
    }
}

/// Recovers partitions, and reads the offsets of their next commands.
fn recover_partitions<A: Aggregate>(
    source: &Source<'_>,
    partitions: &[i32],
    bounds: &Bounds,
) -> Result<Vec<(i32, Recovered<A>)>, Error> {
    let Source { kafka, factory, .. } = *source;
    let topic = factory.topics.commands();
    // First the committed offsets, then the ends of the log: see `restore`.
    let committed = stable_offsets(kafka, factory, partitions)?;
    let restored = restore::<A>(source, partitions, bounds)?;
    let ends = log_ends(kafka, topic, partitions)?;
    let recovered = restored.into_iter().map(|(partition, restored)| {
        let (low, high) = ends.get(&partition).copied().unwrap_or((0, 0));
        let state = match (restored, committed.get(&partition).copied().flatten()) {
            (Err(poison), _) => Err(error_chain(&poison)),
            (Ok(mut state), Some(offset)) if (low..=high).contains(&offset) => {
                state.ready(offset);
                Ok(state)
            }
            (Ok(_), Some(offset)) => Err(format!(
                "committed offset {offset} of its group is outside of {low} to {high}"
            )),
            (Ok(_), None) => Err("its group has no committed offset there".to_owned()),
        };
        (partition, state)
    });
    Ok(recovered.collect())
}

/// Reads the group's *stable* offsets: a consumer that reads committed records gets an answer only
/// when no open transaction holds an offset.
fn stable_offsets(
    kafka: &KafkaConfig,
    factory: &RecordFactory,
    partitions: &[i32],
) -> Result<HashMap<i32, Option<i64>>, Error> {
    let failed = |what| move |source| Error::Kafka { what, source };
    let topic = factory.topics.commands();
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let group = factory.topics.handler_group();
    let answered = log_reader::reader(kafka, group, "read_committed")?
        .committed_offsets(asked, TIMEOUT)
        .map_err(failed("read the group's stable offsets"))?;
    let offset = |place: &TopicPartitionListElem<'_>| {
        place.error().map_err(failed("read the group's offset"))?;
        let offset = match place.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        Ok((place.partition(), offset))
    };
    answered.elements().iter().map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_contain_each_partition_once() {
        for (count, most, expected) in [(0, 4, 0), (1, 4, 1), (8, 4, 4), (6, 4, 3), (64, 1, 1)] {
            let partitions: Vec<TopicPartition> = (0..count)
                .map(|partition| ("commands".to_owned(), partition))
                .collect();
            let shares = shares(&partitions, most);
            assert_eq!(shares.len(), expected, "{count} in {most}");
            assert_eq!(shares.concat(), partitions);
        }
    }
}
