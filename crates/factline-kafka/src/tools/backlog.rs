//! Backlog of a reader: the records of partitions that it has not read, and the age of the first of
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use factline::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::records::record::Record;
use crate::tools::servers::PATIENCE;
use crate::topics::TopicPartition;
use crate::topics::admin::RequestError;
use crate::topics::watermarks::{Bounds, bounds, count_of};

/// The backlog in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Offsets between the reader and the end: an upper bound of the number of records, because
    /// markers of transactions have offsets too. 0 if no record follows.
    pub offsets: i64,
    /// Timestamp of the first record that was not read; `None` if there is none.
    pub oldest: Option<Timestamp>,
}

/// Reads backlogs. Its calls block.
pub struct Backlogs {
    consumer: BaseConsumer,
}

impl Backlogs {
    /// Creates a client that reads committed records and joins no group.
    pub fn new(config: &KafkaConfig) -> Result<Self, RequestError> {
        let consumer = config
            .client_config()
            // librdkafka requires a group name to assign partitions.
            .set("group.id", format!("{}reading", config.topic_prefix))
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "10")
            // One record of each partition is enough. A broker returns at least one batch.
            .set("max.partition.fetch.bytes", "1024")
            .create()
            .map_err(|source| RequestError::new("create a client", source))?;
        Ok(Self { consumer })
    }

    /// Returns the partitions of a topic with their first and end offsets; `None` if the topic does
    /// not exist.
    pub fn bounds(&self, topic: &str) -> Result<Option<Bounds>, RequestError> {
        let failed = |source| RequestError::new(format!("read the ends of {topic}"), source);
        let count = count_of(&self.consumer, topic, PATIENCE).map_err(failed)?;
        let Some(count) = count else {
            return Ok(None);
        };
        let partitions: Vec<TopicPartition> = (0..count)
            .map(|partition| (topic.to_owned(), partition))
            .collect();
        let bounds = bounds(&self.consumer, &partitions, PATIENCE).map_err(failed)?;
        Ok(Some(bounds))
    }

    /// Returns the backlog of a reader that has reached these offsets, in each partition that has
    /// bounds.
    pub fn backlog(
        &self,
        reached: &BTreeMap<TopicPartition, i64>,
        bounds: &Bounds,
    ) -> Result<BTreeMap<TopicPartition, Backlog>, RequestError> {
        let mut backlogs = BTreeMap::new();
        let mut behind: BTreeMap<&str, BTreeMap<i32, (i64, i64)>> = BTreeMap::new();
        for (key, next) in reached {
            let Some((begin, end)) = bounds.get(key).copied() else {
                continue;
            };
            let nothing = Backlog {
                offsets: 0,
                oldest: None,
            };
            backlogs.insert(key.clone(), nothing);
            let next = (*next).max(begin);
            if next < end {
                let partitions = behind.entry(&key.0).or_default();
                partitions.insert(key.1, (next, end));
            }
        }
        for (topic, partitions) in behind {
            let failed = |source| RequestError::new(format!("read {topic}"), source);
            let found = self.first_records(topic, &partitions).map_err(failed)?;
            for (partition, oldest) in found {
                let (next, end) = partitions.get(&partition).copied().unwrap_or_default();
                let backlog = Backlog {
                    offsets: end - next,
                    oldest: Some(oldest),
                };
                backlogs.insert((topic.to_owned(), partition), backlog);
            }
        }
        Ok(backlogs)
    }

    /// Returns the timestamp of the first record between these offsets. A partition without one is
    /// missing.
    fn first_records(
        &self,
        topic: &str,
        partitions: &BTreeMap<i32, (i64, i64)>,
    ) -> KafkaResult<BTreeMap<i32, Timestamp>> {
        let mut from = TopicPartitionList::with_capacity(partitions.len());
        for (partition, (next, _)) in partitions {
            from.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        self.consumer.assign(&from)?;
        let mut open: BTreeSet<i32> = partitions.keys().copied().collect();
        let mut found = BTreeMap::new();
        let begun = Instant::now();
        while !open.is_empty() {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.consumer.poll(left) {
                // The consumer may still return records of the topic that was read before.
                Some(Ok(message)) if message.topic() == topic => {
                    let partition = message.partition();
                    if open.remove(&partition) {
                        found.insert(partition, Record::from(&message).timestamp);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(error)) if left.is_zero() => return Err(error),
                None if left.is_zero() => {
                    return Err(KafkaError::MessageConsumption(Code::OperationTimedOut));
                }
                Some(_) | None => {}
            }
        }
        Ok(found)
    }
}
