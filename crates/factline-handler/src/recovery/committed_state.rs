//! The committed state of partitions, as the handler's [`Progress`].
//!
//! Threads of their own read the states, several partitions at once, while the worker continues
//! with its other partitions. No worker handles the partitions meanwhile: the previous owner has
//! released them, and this worker does not fetch their commands yet.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use factline::Aggregate;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::decide::record_factory::RecordFactory;
use crate::recovery::log_reader::{self, Error, TIMEOUT, log_ends};
use crate::recovery::replay::{self, Source, restore};
use crate::state::partition::{Bounds, Partition};
use crate::state::waiting::Waiting;
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::consumer::host::Progress;

/// Maximum number of threads that read at once: decoding takes a core each.
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
            bounds: self.bounds,
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

    pub(crate) fn recoveries(&self) -> &Recoveries {
        &self.recoveries
    }
}

impl<A: Aggregate> Progress for CommittedState<A> {
    type Start = Recovered<A>;
    type Error = RecoveryError;

    /// Recovers the states of partitions. When the future is dropped, its threads stop.
    async fn look_up(
        self,
        keys: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Recovered<A>)>, RecoveryError> {
        let partitions: Vec<i32> = keys.into_iter().map(|(_, partition)| partition).collect();
        let progress = self.recoveries.begin(&partitions);
        let wanted = self.stop.child_token();
        let _stops_threads = wanted.clone().drop_guard();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = partitions.len().div_ceil(cores.min(MAX_THREADS)).max(1);
        let mut threads = JoinSet::new();
        for share in partitions.chunks(share) {
            let (this, share, wanted) = (self.clone(), share.to_vec(), wanted.clone());
            let progress = Arc::clone(&progress);
            let runtime = tokio::runtime::Handle::current();
            threads.spawn_blocking(move || {
                let source = Source {
                    kafka: &this.kafka,
                    factory: &this.factory,
                    runtime: &runtime,
                    progress: &progress,
                    stop: &wanted,
                };
                recover_partitions::<A>(&source, &share, this.bounds).map_err(|source| {
                    RecoveryError::Restore {
                        partitions: share,
                        source,
                    }
                })
            });
        }
        let topic = self.factory.topics.commands();
        let mut recovered = Vec::with_capacity(partitions.len());
        while let Some(share) = threads.join_next().await {
            let share = share.map_err(|_| RecoveryError::Panicked(partitions.clone()))??;
            recovered.extend(
                share
                    .into_iter()
                    .map(|(partition, state)| ((topic.to_owned(), partition), state)),
            );
        }
        Ok(recovered)
    }
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
    bounds: Bounds,
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
                match state.over_memory_limit() {
                    Some(bytes) => Err(error_chain(&Waiting::OverMemoryLimit { partition, bytes })),
                    None => Ok(state),
                }
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
