//! Trimming commands topics: what was handled, and is old enough, is deleted from their beginning.
//!
//! Two read commands to act on them: the handler, whose group says how far it is, and the operations tracker, which
//! keeps its own checkpoints and so is the one to call this. Nothing is deleted that either has not passed, nothing
//! that stands beyond an open transaction, and nothing at all where one of the two is not known. A place that was
//! reached on a topic of the same name that is no more counts as not known.
//!
//! It keeps nothing in mind: several may do it at once, and any of them may die at it.

use std::collections::BTreeMap;

use factline::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::topics::Topics;
use crate::topics::identity::{self, topic_identity};
use crate::topics::provision::TIMEOUT;
use crate::topics::watermarks::ends;

/// How far a reader with checkpoints of its own has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The topic's identity, see [`crate::topics::identity`].
    pub identity: String,
    /// Offset of the first record that it still needs.
    pub next_offset: i64,
}

/// What is gone from a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// Partition number.
    pub partition: i32,
    /// Where it began.
    pub from: i64,
    /// Where it begins now.
    pub to: i64,
}

impl Trimmed {
    /// How many records that were; commands topics hold no gaps to speak of.
    pub fn records(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or_default()
    }
}

/// Why a topic is not trimmed now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka did not do what was asked.
    #[error("cannot {what} of {topic}")]
    Kafka {
        /// What was asked.
        what: &'static str,
        /// The commands topic.
        topic: String,
        /// Kafka's answer.
        #[source]
        source: KafkaError,
    },
    /// Which topic it is could not be found out.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The runtime is ending.
    #[error("the trimming was dropped")]
    Dropped(#[from] tokio::task::JoinError),
}

/// Deletes the commands that the handlers' committed offsets and `reached` have passed and that were appended before
/// `before`. Partitions that are not in `reached` are left alone. Asks little of Kafka when there is nothing to do.
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
    let admin: AdminClient<DefaultClientContext> =
        config.client_config().create().map_err(failed)?;
    let options = AdminOptions::new()
        .operation_timeout(Some(TIMEOUT))
        .request_timeout(Some(TIMEOUT));
    let deleted = admin
        .delete_records(&list, &options)
        .await
        .map_err(failed)?;
    for partition in deleted.elements() {
        partition.error().map_err(failed)?;
    }
    Ok(bounds)
}

/// What can be deleted. Blocks. Cheap questions come first: as a rule the first one is the last.
fn bounds(
    config: &KafkaConfig,
    topics: &Topics,
    reached: BTreeMap<i32, Reached>,
    before: Timestamp,
) -> Result<Vec<Trimmed>, Error> {
    let topic = topics.commands();
    // In the group's name, since only that may ask for its offsets; it never joins.
    let consumer: BaseConsumer = config
        .client_config()
        .set("group.id", topics.handler_group())
        // Logs end at the last stable offset, and offsets that an open transaction holds are waited for.
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .create()
        .map_err(|source| failed("ask for the ends", topic, source))?;
    let mut bounds = Vec::new();
    let mut identities = BTreeMap::new();
    let partitions: Vec<i32> = reached.keys().copied().collect();
    let ends = ends(&consumer, topic, &partitions, TIMEOUT)
        .map_err(|source| failed("ask for the ends", topic, source))?;
    for (partition, reached) in reached {
        let (from, stable) = ends.get(&partition).copied().unwrap_or_default();
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
        young(&consumer, topic, partitions, before)
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

/// Moves bounds down to what is answered of their partitions, and drops those of which nothing is answered.
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

/// The first record of each partition that is too young to be deleted; where all are old enough, no limit.
fn young(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
    before: Timestamp,
) -> Result<BTreeMap<i32, i64>, Error> {
    let failed = |source| failed("ask for the age of the records", topic, source);
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

/// What the handlers' group has committed.
fn committed(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<i32, i64>, Error> {
    let failed = |source| failed("ask for the handlers' place", topic, source);
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

/// Offsets that were answered without an error and say something.
fn known(answer: &TopicPartitionList, read: impl Fn(Offset) -> Option<i64>) -> BTreeMap<i32, i64> {
    let elements = answer.elements();
    let sound = elements.iter().filter(|element| element.error().is_ok());
    sound
        .filter_map(|element| Some((element.partition(), read(element.offset())?)))
        .collect()
}

fn failed(what: &'static str, topic: &str, source: KafkaError) -> Error {
    Error::Kafka {
        what,
        topic: topic.to_owned(),
        source,
    }
}
