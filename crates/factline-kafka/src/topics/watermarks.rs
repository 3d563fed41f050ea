//! First offsets and end offsets of partitions, queried by a long-lived client.
//!
//! The query is the lookup of offsets by time, in which two special times stand for begin and end.
//! It is one request for all partitions of a broker, whereas `fetch_watermarks` sends two for each
//! partition.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::broker_queries::{BrokerQueries, Client, Isolation};
use crate::client::config::KafkaConfig;
use crate::client::transient::is_stale_metadata;
use crate::retry::Backoff;
use crate::topics::TopicPartition;
use crate::topics::identity;

/// Maximum time for which a query is repeated because the client's metadata is outdated. Brokers
/// tell one another about a new topic or a new leader in much less.
const STALE: Duration = Duration::from_secs(2);

/// First offset and end offset of partitions.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// First offset and end offset of partitions of any topics.
pub type Bounds = HashMap<TopicPartition, (i64, i64)>;

/// Returns the first offset and the end offset of each partition. The end is the last stable offset
/// if the client reads committed records, else the high watermark.
///
/// A client that queried a topic while a broker was starting may have learnt that a partition does
/// not exist or has no leader. librdkafka takes both as final, and answers from this metadata until
/// it refreshes the metadata minutes later. The same is true of a leader that has restarted since.
/// So this function makes the client refresh the metadata at once, and asks again.
///
/// # Errors
/// If the brokers do not answer each of a few queries within `timeout`, or do not know one of the
/// partitions.
pub fn bounds<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
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

/// A partition's topic identity and offsets, as the brokers report them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Identity of the topic, see [`crate::topics::identity`].
    pub identity: String,
    /// First offset of the log.
    pub begins: i64,
    /// End of the log for a consumer that reads committed records.
    pub ends: i64,
}

/// Reason why [`extents`] are unknown.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The topic's identity cannot be read.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The first offset or the end cannot be read.
    #[error("cannot read first and end offsets of partitions")]
    Bounds(#[from] KafkaError),
}

/// Returns the topic's identity, the first offset and the end offset of each partition. The query
/// does not use the caller's client, see [`crate::client::broker_queries`].
pub async fn extents(
    kafka: &KafkaConfig,
    partitions: Vec<TopicPartition>,
    timeout: Duration,
) -> Result<HashMap<TopicPartition, Extent>, Unknown> {
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

/// Returns the end offsets, in one query. If that fails, each partition is queried separately, so
/// that a partition without a leader does not affect the others.
pub fn ends_of_all<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> HashMap<TopicPartition, KafkaResult<i64>> {
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

/// Returns a topic's identity, see [`crate::topics::identity`]. The query does not use the caller's
/// client.
pub async fn identity_of(kafka: &KafkaConfig, topic: String) -> Result<String, Unknown> {
    let mut queries = BrokerQueries::new(kafka, Isolation::ReadCommitted);
    let question = move |client: &Client| Ok(identity::identity(client.client(), &topic));
    Ok(queries.ask(question).get().await??)
}

/// Returns the [`bounds`] of one topic's partitions.
///
/// # Errors
/// The same as [`bounds`].
pub fn ends<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> KafkaResult<Ends> {
    let partitions = partitions.iter();
    let keys: Vec<TopicPartition> = partitions
        .map(|partition| (topic.to_owned(), *partition))
        .collect();
    let bounds = bounds(client, &keys, timeout)?.into_iter();
    Ok(bounds
        .map(|((_, partition), bounds)| (partition, bounds))
        .collect())
}

/// Returns the [`bounds`] of one partition.
///
/// # Errors
/// The same as [`ends`].
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

/// Returns the number of partitions of a topic; `None` if the brokers do not know the topic.
///
/// # Errors
/// If the brokers do not answer in time.
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

/// Returns the brokers' answer to `Beginning` or `End`, for every partition. While the answer shows
/// that the client's metadata is outdated, the client refreshes it and asks again, for a short
/// time.
fn ask<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    which: Offset,
    timeout: Duration,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    let begun = Instant::now();
    let mut backoff = Backoff::new(Duration::from_millis(25), Duration::from_millis(200));
    loop {
        let answer = ask_once(client, partitions, which, timeout);
        let is_stale =
            |error: &KafkaError| error.rdkafka_error_code().is_some_and(is_stale_metadata);
        if !answer.as_ref().is_err_and(is_stale) || begun.elapsed() > STALE.min(timeout) {
            return answer;
        }
        let topics: BTreeSet<&str> = partitions.iter().map(|(topic, _)| topic.as_str()).collect();
        for topic in topics {
            client.fetch_metadata(Some(topic), timeout)?;
        }
        std::thread::sleep(backoff.pause());
    }
}

fn ask_once<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    which: Offset,
    timeout: Duration,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    if partitions.is_empty() {
        return Ok(HashMap::new());
    }
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        asked.add_partition_offset(topic, *partition, which)?;
    }
    let answered = client.offsets_for_times(asked, timeout)?;
    let read = answered.elements().into_iter().map(|place| {
        place.error()?;
        match place.offset() {
            Offset::Offset(offset) => Ok(((place.topic().to_owned(), place.partition()), offset)),
            // The offset is unchanged: no broker has answered for this partition.
            _ => Err(KafkaError::OffsetFetch(Code::UnknownPartition)),
        }
    });
    read.collect()
}
