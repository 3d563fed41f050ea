//! Reads a range of a topic, for tools: committed records only, outside of any group.
//!
//! Services do not follow topics in this way: the reader stores no progress and moves no group's
//! offset.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::records::record::Record;
use crate::topics::watermarks::{count_of, ends};

/// Maximum time without an answer from Kafka.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// Reason why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topic does not exist.
    #[error("topic {topic} does not exist")]
    NoTopic {
        /// The name.
        topic: String,
    },
    /// The topic does not have the partition.
    #[error("topic {topic} has no partition {partition}, only 0 to {}", partitions - 1)]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Number of partitions that the topic has.
        partitions: i32,
    },
    /// A request to Kafka failed.
    #[error("cannot read topic {topic}")]
    Kafka {
        /// The topic.
        topic: String,
        /// Kafka's error.
        #[source]
        source: KafkaError,
    },
    /// A transaction that began before the end of a partition has not ended.
    #[error("a transaction is open in {topic}/{partition}")]
    OpenTransaction {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// Kafka does not answer.
    #[error("cannot read topic {topic}: no answer from kafka for {} seconds", TIMEOUT.as_secs())]
    Silent {
        /// The topic.
        topic: String,
    },
}

/// The range to read.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// Reads one partition only.
    pub partition: Option<i32>,
    /// Reads from this offset, or from the first one that the log still has. It is meant for one
    /// partition.
    pub from: Option<i64>,
    /// Reads from the first record at or after this time, by the records' timestamps. The
    /// timestamps in an aggregate's topics never run backwards within a partition.
    pub since: Option<Timestamp>,
    /// Reads to the last record at or before this time.
    pub until: Option<Timestamp>,
    /// Continues at the end, for ever.
    pub follow: bool,
}

/// The next result of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A record.
    Record(Box<Record>),
    /// No record within the time, but more may follow.
    Nothing,
    /// Everything has been read that existed when the reader began.
    End,
}

/// Reader of a range of a topic. Its calls block.
pub struct Reader {
    topic: String,
    consumer: BaseConsumer,
    /// End offsets, as they were at the beginning, of the partitions that are not read to the end.
    open: HashMap<i32, i64>,
    until: Option<Timestamp>,
    follow: bool,
    total: u64,
    /// Time since when no record has come; `None` if the last poll returned one.
    silent_since: Option<Instant>,
}

/// Returns the names of all topics that the client may see. Blocks until the brokers answer.
pub fn topics(config: &KafkaConfig) -> KafkaResult<Vec<String>> {
    let client: BaseConsumer = config.client_config().create()?;
    let metadata = client.fetch_metadata(None, TIMEOUT)?;
    let topics = metadata.topics().iter();
    Ok(topics.map(|topic| topic.name().to_owned()).collect())
}

/// Returns the number of partitions of a topic. Blocks for up to twenty seconds.
pub fn partitions(config: &KafkaConfig, topic: &str) -> Result<i32, Error> {
    let consumer: BaseConsumer = config
        .client_config()
        .create()
        .map_err(|source| failed(topic, source))?;
    count(&consumer, topic)
}

impl Reader {
    /// Finds the beginning and the end of the range. Blocks for up to twenty seconds for each
    /// request to Kafka.
    pub fn open(config: &KafkaConfig, topic: &str, range: &Range) -> Result<Self, Error> {
        let kafka = |source| failed(topic, source);
        let consumer = consumer(config, range.follow).map_err(kafka)?;
        let count = count(&consumer, topic)?;
        let chosen: Vec<i32> = match range.partition {
            Some(partition) if !(0..count).contains(&partition) => {
                return Err(Error::NoPartition {
                    topic: topic.to_owned(),
                    partition,
                    partitions: count,
                });
            }
            Some(partition) => vec![partition],
            None => (0..count).collect(),
        };
        let mut from = TopicPartitionList::new();
        for partition in &chosen {
            let offset = match (range.since, range.from) {
                (Some(since), _) => Offset::Offset(since.timestamp_millis()),
                (None, Some(offset)) => Offset::Offset(offset),
                (None, None) => Offset::Beginning,
            };
            from.add_partition_offset(topic, *partition, offset)
                .map_err(kafka)?;
        }
        if range.since.is_some() {
            from = consumer.offsets_for_times(from, TIMEOUT).map_err(kafka)?;
        }
        let ends = ends(&consumer, topic, &chosen, TIMEOUT).map_err(kafka)?;
        let mut open = HashMap::new();
        let mut total = 0;
        // By number: a client that has to ask for the beginning of a partition waits for half a
        // second if it does not know the leader yet.
        let mut assigned = TopicPartitionList::new();
        for place in from.elements() {
            let partition = place.partition();
            let (low, high) = ends.get(&partition).copied().unwrap_or_default();
            let begin = match place.offset() {
                Offset::Offset(offset) => offset.max(low),
                Offset::Beginning => low,
                // No record is as recent.
                _ => high,
            };
            assigned
                .add_partition_offset(topic, partition, Offset::Offset(begin))
                .map_err(kafka)?;
            total += u64::try_from(high - begin).unwrap_or_default();
            if begin < high || range.follow {
                open.insert(partition, high);
            }
        }
        consumer.assign(&assigned).map_err(kafka)?;
        Ok(Self {
            topic: topic.to_owned(),
            consumer,
            open,
            until: range.until,
            follow: range.follow,
            total,
            silent_since: None,
        })
    }

    /// Reads these offsets of one partition, without asking Kafka for anything.
    pub fn of_partition(
        config: &KafkaConfig,
        topic: &str,
        partition: i32,
        offsets: std::ops::Range<i64>,
    ) -> Result<Self, Error> {
        let kafka = |source| failed(topic, source);
        let consumer = consumer(config, false).map_err(kafka)?;
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, partition, Offset::Offset(offsets.start))
            .map_err(kafka)?;
        consumer.assign(&from).map_err(kafka)?;
        let total = u64::try_from(offsets.end - offsets.start).unwrap_or_default();
        Ok(Self {
            topic: topic.to_owned(),
            consumer,
            open: (total > 0)
                .then_some((partition, offsets.end))
                .into_iter()
                .collect(),
            until: None,
            follow: false,
            total,
            silent_since: None,
        })
    }

    /// Returns the maximum number of records: markers of transactions count too.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the next record. Blocks for up to `wait`.
    pub fn next(&mut self, wait: Duration) -> Result<Next, Error> {
        // Records that were fetched need no clock, which would cost as much as the poll.
        let mut left = Duration::ZERO;
        let mut begun = None;
        while !self.open.is_empty() {
            let polled = self.consumer.poll(left);
            if let Some(Ok(message)) = polled {
                self.silent_since = None;
                let record = Record::from(&message);
                if let Some(next) = self.take(record) {
                    return Ok(next);
                }
                continue;
            }
            if let Some(Err(KafkaError::PartitionEOF(partition))) = polled {
                self.silent_since = None;
                if !self.follow {
                    self.open.remove(&partition);
                }
                continue;
            }
            let now = Instant::now();
            let silent = now - *self.silent_since.get_or_insert(now);
            match polled {
                // librdkafka retries by itself; a permanent error is returned.
                Some(Err(error)) if silent > TIMEOUT => return Err(failed(&self.topic, error)),
                None if !self.follow && silent > TIMEOUT => {
                    let topic = self.topic.clone();
                    return Err(Error::Silent { topic });
                }
                _ => {}
            }
            let waited = now - *begun.get_or_insert(now);
            if waited >= wait {
                return Ok(Next::Nothing);
            }
            left = wait.saturating_sub(waited);
        }
        Ok(Next::End)
    }

    /// Returns all records of the range. Blocks until they have been read.
    pub fn all(mut self) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        loop {
            match self.next(Duration::from_millis(200))? {
                Next::Record(record) => records.push(*record),
                Next::Nothing => {}
                Next::End => return Ok(records),
            }
        }
    }

    fn take(&mut self, record: Record) -> Option<Next> {
        let end = *self.open.get(&record.partition)?;
        if self.until.is_some_and(|until| record.timestamp > until) {
            self.open.remove(&record.partition);
            return None;
        }
        if !self.follow {
            if record.offset + 1 >= end {
                self.open.remove(&record.partition);
            }
            if record.offset >= end {
                return None;
            }
        }
        Some(Next::Record(Box::new(record)))
    }
}

fn consumer(config: &KafkaConfig, follow: bool) -> KafkaResult<BaseConsumer> {
    let mut client = config.client_config();
    client
        // The partitions are assigned by hand, so it joins no group; but librdkafka requires a
        // group name.
        .set("group.id", format!("{}reading", config.topic_prefix))
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // A full queue stops the client from fetching for a second otherwise, and by default it
        // may take 64 MiB.
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "16384")
        .set("queued.min.messages", "10000");
    if !follow {
        // The end of a partition is usually the marker of a transaction, which is no record. So
        // the client fetches once more to learn that it has reached the end, and the broker holds
        // that answer back for this time. It is not 0, because the client keeps fetching from
        // partitions that it has read to the end.
        client.set("fetch.wait.max.ms", "10");
    }
    client.create()
}

fn count(consumer: &BaseConsumer, topic: &str) -> Result<i32, Error> {
    let count = count_of(consumer, topic, TIMEOUT).map_err(|source| failed(topic, source))?;
    count.ok_or_else(|| Error::NoTopic {
        topic: topic.to_owned(),
    })
}

pub(super) fn failed(topic: &str, source: KafkaError) -> Error {
    Error::Kafka {
        topic: topic.to_owned(),
        source,
    }
}
