//! A takeover: partitions that the group has given to this worker, until their state is there.
//!
//! Their state is read by threads of their own, several partitions at once, while the worker goes on with what it has.
//! Nobody handles the partitions meanwhile: who had them has given them back, and here their commands are not fetched yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use factline::Aggregate;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::decide::record_factory::Wire;
use crate::recovery::log_reader::{self, Error, TIMEOUT, log_ends};
use crate::recovery::replay::{Progress, Source, restore};
use crate::state::partition::{Bounds, Partition};
use crate::state::waiting::Waiting;
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;

/// How long partitions are tried to be restored, before the worker makes itself anew.
const PATIENCE: Duration = Duration::from_secs(45);

/// Threads that read at once at most: decoding takes a core each.
const MOST_THREADS: usize = 4;

/// Partitions whose state is being read.
pub(crate) struct TakeOver<A> {
    partitions: Vec<i32>,
    threads: Vec<JoinHandle<Result<Vec<Taken<A>>, String>>>,
    progress: Arc<Progress>,
    /// Cancelled when nobody wants the result any more.
    wanted: CancellationToken,
}

/// A partition with its state, or why it is stopped.
pub(crate) struct Taken<A> {
    pub(crate) partition: i32,
    pub(crate) state: Result<Partition<A>, String>,
}

impl<A> Drop for TakeOver<A> {
    fn drop(&mut self) {
        self.wanted.cancel();
    }
}

impl<A> std::fmt::Debug for TakeOver<A> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TakeOver({:?})", self.partitions)
    }
}

impl<A: Aggregate> TakeOver<A> {
    /// Starts to read.
    pub(crate) fn begin(
        kafka: &KafkaConfig,
        wire: &Arc<Wire>,
        bounds: Bounds,
        stop: &CancellationToken,
        partitions: Vec<i32>,
    ) -> Self {
        let (progress, wanted) = (Arc::new(Progress::default()), stop.child_token());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = partitions.len().div_ceil(cores.min(MOST_THREADS)).max(1);
        let threads = partitions.chunks(share).map(|share| {
            let (kafka, wire, share) = (kafka.clone(), Arc::clone(wire), share.to_vec());
            let (progress, wanted) = (Arc::clone(&progress), wanted.clone());
            let runtime = tokio::runtime::Handle::current();
            std::thread::spawn(move || {
                patiently(&wire, &share, &wanted, || {
                    let source = Source {
                        kafka: &kafka,
                        wire: &wire,
                        runtime: &runtime,
                        progress: &progress,
                        stop: &wanted,
                    };
                    take_over::<A>(&source, &share, bounds)
                })
            })
        });
        Self {
            threads: threads.collect(),
            partitions,
            progress,
            wanted,
        }
    }

    /// Those that are still wanted.
    pub(crate) fn partitions(&self) -> &[i32] {
        &self.partitions
    }

    /// These were taken away again.
    pub(crate) fn give_up(&mut self, partitions: &[i32]) {
        self.partitions.retain(|own| !partitions.contains(own));
        if self.partitions.is_empty() {
            self.wanted.cancel();
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// For readiness; nothing if nobody waits for it any more.
    pub(crate) fn progress(&self) -> Option<String> {
        let (partitions, percent) = (&self.partitions, self.percent());
        (!partitions.is_empty())
            .then(|| format!("restoring partitions {partitions:?}: {percent} % of their events"))
    }

    /// Of the events that are to be read, between 0 and 100.
    pub(crate) fn percent(&self) -> i64 {
        self.progress.percent()
    }

    /// What was read of those partitions that are still wanted, or why it cannot be. Waits for it.
    pub(crate) fn result(mut self) -> Result<Vec<Taken<A>>, String> {
        let mut taken = Vec::with_capacity(self.partitions.len());
        for thread in std::mem::take(&mut self.threads) {
            let share = thread
                .join()
                .unwrap_or_else(|_| Err("a restore panicked".to_owned()));
            if self.partitions.is_empty() {
                continue;
            }
            taken.extend(share?);
        }
        taken.retain(|taken| self.partitions.contains(&taken.partition));
        Ok(taken)
    }
}

/// Tries until it succeeds, for as long as it makes sense.
fn patiently<T>(
    wire: &Wire,
    partitions: &[i32],
    wanted: &CancellationToken,
    attempt: impl Fn() -> Result<T, Error>,
) -> Result<T, String> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let error = match attempt() {
            Ok(taken) => return Ok(taken),
            Err(error) => error_chain(&error),
        };
        if wanted.is_cancelled() || start.elapsed() > PATIENCE {
            return Err(format!(
                "restoring partitions {partitions:?} does not succeed: {error}"
            ));
        }
        let topic = wire.topics.commands();
        tracing::warn!(topic, error, "restore is tried again");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Restores partitions, and finds where their commands start.
fn take_over<A: Aggregate>(
    source: &Source<'_>,
    partitions: &[i32],
    bounds: Bounds,
) -> Result<Vec<Taken<A>>, Error> {
    let Source { kafka, wire, .. } = *source;
    let topic = wire.topics.commands();
    // First the offsets, then the ends of the log: see `restore`.
    let committed = stable_offsets(kafka, wire, partitions)?;
    let restored = restore::<A>(source, partitions, bounds)?;
    let ends = log_ends(kafka, topic, partitions)?;
    let taken = restored.into_iter().map(|(partition, restored)| {
        let (low, high) = ends.get(&partition).copied().unwrap_or((0, 0));
        let state = match (restored, committed.get(&partition).copied().flatten()) {
            (Err(poison), _) => Err(error_chain(&poison)),
            (Ok(mut state), Some(offset)) if (low..=high).contains(&offset) => {
                state.ready(offset);
                match state.too_heavy() {
                    Some(bytes) => Err(error_chain(&Waiting::Heavy { partition, bytes })),
                    None => Ok(state),
                }
            }
            (Ok(_), Some(offset)) => Err(format!(
                "its group's offset {offset} is outside of {low} to {high}"
            )),
            (Ok(_), None) => Err("its group has no committed offset there".to_owned()),
        };
        Taken { partition, state }
    });
    Ok(taken.collect())
}

/// The group's *stable* offsets: a reader of what is committed is answered only when no open transaction holds one.
fn stable_offsets(
    kafka: &KafkaConfig,
    wire: &Wire,
    partitions: &[i32],
) -> Result<HashMap<i32, Option<i64>>, Error> {
    let failed = |what| move |source| Error::Kafka { what, source };
    let topic = wire.topics.commands();
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let group = wire.topics.handler_group();
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
