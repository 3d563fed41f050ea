//! Trims commands topics: deletes handled commands that are old enough from the beginning of the
//! topic.
//!
//! Two readers act on commands. One is the handler, whose group has committed offsets. The other is
//! the operations tracker, which has its own checkpoints and therefore calls this module. A record
//! is deleted only if both have passed it. No record after the beginning of an open transaction is
//! deleted. If the progress of one reader is unknown, nothing is deleted. Progress on a deleted
//! topic of the same name counts as unknown.
//!
//! The module keeps no state: several processes may trim at the same time, and each may crash while
//! it does.

use std::collections::BTreeMap;

use factline::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::topics::Topics;
use crate::topics::admin::{self, RequestError, TIMEOUT};
use crate::topics::identity::{self, topic_identity};
use crate::topics::watermarks;

/// Progress of a reader with its own checkpoints in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The topic's identity, see [`crate::topics::identity`].
    pub identity: String,
    /// Offset of the first record that it still needs.
    pub next_offset: i64,
}

/// The records that were deleted from a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// Partition number.
    pub partition: i32,
    /// First offset before.
    pub from: i64,
    /// First offset now.
    pub to: i64,
}

impl Trimmed {
    /// Returns the number of deleted records; commands topics have no gaps to speak of.
    pub fn records(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or_default()
    }
}

/// Reason why a topic is not trimmed now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to Kafka failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The topic's identity is unknown.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The runtime is shutting down.
    #[error("trimming was cancelled")]
    Dropped(#[from] tokio::task::JoinError),
}

/// Deletes the commands that the handlers' committed offsets and `reached` have passed and that
/// were appended before `before`. Partitions that are not in `reached` are left alone. Sends few
/// requests to Kafka when there is nothing to do.
pub async fn trim(
    config: &KafkaConfig,
    topics: &Topics,
    reached: &BTreeMap<i32, Reached>,
    before: Timestamp,
) -> Result<Vec<Trimmed>, Error> {
    let bounds = {
        let (config, topics, reached) = (config.clone(), topics.clone(), reached.clone());
        tokio::task::spawn_blocking(move || bounds(&config, &topics, reached, before)).await??
    };
    if bounds.is_empty() {
        return Ok(Vec::new());
    }
    let topic = topics.commands();
    let failed = |source| failed("delete records", topic, source);
    let mut list = TopicPartitionList::with_capacity(bounds.len());
    for bound in &bounds {
        list.add_partition_offset(topic, bound.partition, Offset::Offset(bound.to))
            .map_err(failed)?;
    }
    let admin = admin::client(config).map_err(failed)?;
    let deleted = admin
        .delete_records(&list, &admin::options())
        .await
        .map_err(failed)?;
    for partition in deleted.elements() {
        partition.error().map_err(failed)?;
    }
    Ok(bounds)
}

/// Returns the records to delete. Blocks. Cheap requests come first: usually the first is the last.
fn bounds(
    config: &KafkaConfig,
    topics: &Topics,
    reached: BTreeMap<i32, Reached>,
    before: Timestamp,
) -> Result<Vec<Trimmed>, Error> {
    let topic = topics.commands();
    // Uses the group's name, because only the group may read its offsets; the consumer never joins
    // it.
    let consumer: BaseConsumer = config
        .client_config()
        .set("group.id", topics.handler_group())
        // Logs then end at the last stable offset, and the request for committed offsets waits for
        // offsets that an open transaction holds.
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .create()
        .map_err(|source| failed("read the ends", topic, source))?;
    let mut bounds = Vec::new();
    let mut identities = BTreeMap::new();
    let partitions: Vec<i32> = reached.keys().copied().collect();
    let ends = known_ends(&consumer, topic, &partitions)
        .map_err(|source| failed("read the ends", topic, source))?;
    for (partition, reached) in reached {
        let Some((from, stable)) = ends.get(&partition).copied() else {
            continue;
        };
        let to = reached.next_offset.min(stable);
        bounds.push(Trimmed {
            partition,
            from,
            to,
        });
        identities.insert(partition, reached.identity);
    }
    bounds.retain(|bound| bound.to > bound.from);
    lower(&mut bounds, |partitions| {
        first_recent(&consumer, topic, partitions, before)
    })?;
    lower(&mut bounds, |partitions| {
        committed(&consumer, topic, partitions)
    })?;
    if !bounds.is_empty() {
        let identity = topic_identity(config, topic)?;
        bounds.retain(|bound| identities.get(&bound.partition) == Some(&identity));
    }
    Ok(bounds)
}

/// Returns the ends of those partitions that have a leader: one without delays only itself.
fn known_ends(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
) -> KafkaResult<watermarks::Ends> {
    let together = watermarks::ends(consumer, topic, partitions, TIMEOUT);
    let Err(error) = together else {
        return together;
    };
    let alone = partitions.iter().filter_map(|partition| {
        let ends = watermarks::ends_of(consumer, topic, *partition, TIMEOUT);
        Some((*partition, ends.ok()?))
    });
    let known: watermarks::Ends = alone.collect();
    if known.is_empty() {
        Err(error)
    } else {
        Ok(known)
    }
}

/// Lowers bounds to the limits of their partitions, and drops those without a limit.
fn lower(
    bounds: &mut Vec<Trimmed>,
    ask: impl FnOnce(&[i32]) -> Result<BTreeMap<i32, i64>, Error>,
) -> Result<(), Error> {
    if bounds.is_empty() {
        return Ok(());
    }
    let partitions: Vec<i32> = bounds.iter().map(|bound| bound.partition).collect();
    let limits = ask(&partitions)?;
    bounds.retain_mut(|bound| {
        let Some(limit) = limits.get(&bound.partition) else {
            return false;
        };
        bound.to = bound.to.min(*limit);
        bound.to > bound.from
    });
    Ok(())
}

/// Returns the first record of each partition that is too recent to be deleted; if all are old
/// enough, no limit.
fn first_recent(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
    before: Timestamp,
) -> Result<BTreeMap<i32, i64>, Error> {
    let failed = |source| failed("read the age of the records", topic, source);
    let mut question = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        let time = before.timestamp_millis().max(0);
        question
            .add_partition_offset(topic, *partition, Offset::Offset(time))
            .map_err(failed)?;
    }
    let answer = consumer
        .offsets_for_times(question, TIMEOUT)
        .map_err(failed)?;
    Ok(known(&answer, |offset| match offset {
        Offset::Offset(offset) => Some(offset),
        Offset::End => Some(i64::MAX),
        _ => None,
    }))
}

/// Returns the committed offsets of the handlers' group.
fn committed(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<i32, i64>, Error> {
    let failed = |source| failed("read the handlers' committed offsets", topic, source);
    let mut question = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        question.add_partition(topic, *partition);
    }
    let answer = consumer
        .committed_offsets(question, TIMEOUT)
        .map_err(failed)?;
    Ok(known(&answer, |offset| match offset {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

/// Returns the offsets that were answered without an error and that `read` accepts.
fn known(answer: &TopicPartitionList, read: impl Fn(Offset) -> Option<i64>) -> BTreeMap<i32, i64> {
    let elements = answer.elements();
    let sound = elements.iter().filter(|element| element.error().is_ok());
    sound
        .filter_map(|element| Some((element.partition(), read(element.offset())?)))
        .collect()
}

fn failed(what: &str, topic: &str, source: KafkaError) -> RequestError {
    RequestError::new(format!("{what} of {topic}"), source)
}
