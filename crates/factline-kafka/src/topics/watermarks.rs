//! Where partitions begin and end, asked by a client that lives long.
//!
//! By the question for the offset at a time, of which two in the protocol stand for begin and end: it is one for all partitions
//! of a broker, where `fetch_watermarks` asks twice for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::broker_queries::{BrokerQueries, Client, Isolation};
use crate::client::config::KafkaConfig;
use crate::consumer::group::Key;
use crate::topics::identity;

/// First offset and end of partitions.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// First offset and end of partitions of any topics.
pub type Bounds = HashMap<Key, (i64, i64)>;

/// First offset of each partition, and its end as the client sees it: the last stable offset if it reads what is committed,
/// else the high watermark.
///
/// A client that has asked about a topic while a broker was on its way up may have learnt that a partition does not exist, or
/// that nobody leads it; librdkafka takes both for final, and answers from what it knows until it refreshes its metadata,
/// minutes later. So it is made to refresh them at once: the next call knows better.
///
/// # Errors
/// When the brokers do not answer within `timeout`, for each of two questions, or do not know one of the partitions.
pub fn bounds<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[Key],
    timeout: Duration,
) -> KafkaResult<Bounds> {
    let begins = ask(client, partitions, Offset::Beginning, timeout)?;
    let mut ends = ask(client, partitions, Offset::End, timeout)?;
    let both = begins.into_iter().filter_map(|(key, begin)| {
        let end = ends.remove(&key)?;
        Some((key, (begin, end)))
    });
    Ok(both.collect())
}

/// A partition as the brokers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Identity of the topic, see [`crate::topics::identity`].
    pub identity: String,
    /// First offset of the log.
    pub begins: i64,
    /// End of the log for a consumer that reads committed records.
    pub ends: i64,
}

/// Reason why [`extents`] are not known.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The topic's identity cannot be read.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The first offset or the end cannot be read.
    #[error("cannot read where partitions begin and end")]
    Bounds(#[from] KafkaError),
}

/// Returns the topic's identity, the first offset and the end of each partition. Asked [beside](crate::client::broker_queries) the
/// caller's own client.
pub async fn extents(
    kafka: &KafkaConfig,
    partitions: Vec<Key>,
    timeout: Duration,
) -> Result<HashMap<Key, Extent>, Unknown> {
    let question = move |client: &Client| {
        let topics: BTreeSet<&str> = partitions.iter().map(|(topic, _)| topic.as_str()).collect();
        let mut identities = HashMap::new();
        for topic in topics {
            match identity::identity(client.client(), topic) {
                Ok(identity) => identities.insert(topic, identity),
                Err(error) => return Ok(Err(error)),
            };
        }
        let bounds = bounds(client, &partitions, timeout)?.into_iter();
        let extents = bounds.map(|(key, (begins, ends))| {
            let identity = identities.get(key.0.as_str()).cloned().unwrap_or_default();
            let extent = Extent {
                identity,
                begins,
                ends,
            };
            (key, extent)
        });
        Ok(Ok(extents.collect()))
    };
    let mut queries = BrokerQueries::new(kafka, Isolation::ReadCommitted);
    Ok(queries.ask(question).get().await??)
}

/// The ends alone, in one question; where that fails, of each partition by itself, so that one whose leader is gone
/// costs no other its answer.
pub fn ends_of_all<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[Key],
    timeout: Duration,
) -> HashMap<Key, KafkaResult<i64>> {
    if let Ok(ends) = ask(client, partitions, Offset::End, timeout) {
        return ends.into_iter().map(|(key, end)| (key, Ok(end))).collect();
    }
    let alone = partitions.iter().map(|key| {
        let ends = ask(client, std::slice::from_ref(key), Offset::End, timeout);
        let missing = KafkaError::OffsetFetch(Code::UnknownPartition);
        let end = ends.and_then(|ends| ends.get(key).copied().ok_or(missing));
        (key.clone(), end)
    });
    alone.collect()
}

/// Returns a topic's identity, see [`crate::topics::identity`]. Asked beside the caller's own client.
pub async fn identity_of(kafka: &KafkaConfig, topic: String) -> Result<String, Unknown> {
    let mut queries = BrokerQueries::new(kafka, Isolation::ReadCommitted);
    let question = move |client: &Client| Ok(identity::identity(client.client(), &topic));
    Ok(queries.ask(question).get().await??)
}

/// The [`bounds`] of one topic's partitions.
///
/// # Errors
/// As [`bounds`].
pub fn ends<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> KafkaResult<Ends> {
    let partitions = partitions.iter();
    let keys: Vec<Key> = partitions
        .map(|partition| (topic.to_owned(), *partition))
        .collect();
    let bounds = bounds(client, &keys, timeout)?.into_iter();
    Ok(bounds
        .map(|((_, partition), bounds)| (partition, bounds))
        .collect())
}

/// The same of one partition.
///
/// # Errors
/// As [`ends`].
pub fn ends_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let found = ends(consumer, topic, &[partition], timeout)?;
    let missing = KafkaError::OffsetFetch(Code::UnknownPartition);
    found.get(&partition).copied().ok_or(missing)
}

/// How many partitions a topic has; none if the brokers do not know it.
///
/// # Errors
/// When the brokers do not answer in time.
pub fn count_of<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<Option<i32>> {
    let metadata = client.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().first();
    let count = found.map_or(0, |topic| topic.partitions().len());
    Ok(i32::try_from(count).ok().filter(|count| *count > 0))
}

/// The brokers' answer to `Beginning` or `End`, for every partition. Where it says that the client knows a topic wrongly, the
/// client is made to learn about it before the next call.
fn ask<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[Key],
    which: Offset,
    timeout: Duration,
) -> KafkaResult<HashMap<Key, i64>> {
    if partitions.is_empty() {
        return Ok(HashMap::new());
    }
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        asked.add_partition_offset(topic, *partition, which)?;
    }
    let answered = client.offsets_for_times(asked, timeout);
    let read = answered.and_then(|answered| {
        let read = answered.elements().into_iter().map(|place| {
            place.error()?;
            match place.offset() {
                Offset::Offset(offset) => {
                    Ok(((place.topic().to_owned(), place.partition()), offset))
                }
                // Left as it was asked: no broker has answered for it.
                _ => Err(KafkaError::OffsetFetch(Code::UnknownPartition)),
            }
        });
        read.collect()
    });
    if let Err(error) = &read
        && let Some(
            Code::UnknownPartition
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition,
        ) = error.rdkafka_error_code()
    {
        let topics: BTreeSet<&str> = partitions.iter().map(|(topic, _)| topic.as_str()).collect();
        for topic in topics {
            client.fetch_metadata(Some(topic), timeout)?;
        }
    }
    read
}
