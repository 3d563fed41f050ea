//! Watches the dead letters of commands: how many are open, and since when.
//!
//! A letter is open until its newest record has the mark of an operator, or is a tombstone.
//! Handlers only write letters, and the tool settles them. So the tracker reads the topics, at an
//! interval and from where it stopped. Every instance reads all of them, so the figures are the
//! same on each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::Utc;
use factline::{Contract, Timestamp};
use factline_kafka::client::broker_queries::Quiet;
use factline_kafka::records::dead_letters::MARK;
use factline_kafka::{KafkaConfig, Record};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

/// Interval between two rounds.
const INTERVAL: Duration = Duration::from_secs(30);

/// Maximum time without an answer of the brokers. A shutdown waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum number of open letters of an aggregate type that are remembered: the oldest ones. If
/// there were more, the topic is read from its beginning when half of them are settled.
const MOST: usize = 10_000;

/// The open letters of an aggregate type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Their number, up to 10,000.
    pub count: usize,
    /// The time of the oldest one.
    pub oldest: Option<Timestamp>,
}

/// A reader of the letters of all aggregate types.
pub struct DeadLetters {
    consumer: BaseConsumer<Quiet>,
    topics: Vec<Topic>,
}

/// The letters of an aggregate type, as far as they are read.
struct Topic {
    name: String,
    contract: &'static Contract,
    /// Number of partitions in this installation.
    partitions: i32,
    /// The offset to continue at, of each partition.
    next: BTreeMap<i32, Offset>,
    /// The time of each open letter.
    open: BTreeMap<Vec<u8>, Timestamp>,
    /// Set if an open letter was left out.
    is_full: bool,
}

impl DeadLetters {
    /// Creates the reader. `group` is the group of the tracker, which this client does not join.
    ///
    /// # Errors
    ///
    /// If an option of the Kafka client is invalid.
    pub fn new(
        kafka: &KafkaConfig,
        group: &str,
        contracts: &[&'static Contract],
    ) -> KafkaResult<Self> {
        let mut client = kafka.client_config();
        client
            .set("group.id", group)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // A read ends with an empty answer for each partition.
            .set("fetch.wait.max.ms", "10");
        let topics = contracts.iter().map(|contract| Topic {
            name: kafka.topics(contract).dead_letters().to_owned(),
            contract,
            partitions: kafka.contract(contract).partitions,
            next: BTreeMap::new(),
            open: BTreeMap::new(),
            is_full: false,
        });
        Ok(Self {
            consumer: client.create_with_context(Quiet)?,
            topics: topics.collect(),
        })
    }

    /// Reads the letters that were written since the last call, and returns those that are open by
    /// aggregate type. Blocks.
    ///
    /// # Errors
    ///
    /// If the brokers do not answer for 3 s, or refuse; or if the process drains.
    pub fn read(
        &mut self,
        shutdown: &CancellationToken,
    ) -> KafkaResult<BTreeMap<&'static str, Open>> {
        let mut found = BTreeMap::new();
        for topic in &mut self.topics {
            if topic.is_full && topic.open.len() < MOST / 2 {
                topic.next.clear();
                topic.open.clear();
                topic.is_full = false;
            }
            let read = topic.read(&self.consumer, shutdown);
            self.consumer.unassign()?;
            read?;
            let oldest = topic.open.values().min().copied();
            let count = topic.open.len();
            found.insert(topic.contract.aggregate, Open { count, oldest });
        }
        Ok(found)
    }
}

impl Topic {
    /// Reads to the end of each partition.
    fn read(
        &mut self,
        consumer: &BaseConsumer<Quiet>,
        shutdown: &CancellationToken,
    ) -> KafkaResult<()> {
        let mut assigned = TopicPartitionList::new();
        let mut unread = BTreeSet::new();
        for partition in 0..self.partitions {
            let next = self.next.get(&partition).copied();
            assigned.add_partition_offset(
                &self.name,
                partition,
                next.unwrap_or(Offset::Beginning),
            )?;
            unread.insert(partition);
        }
        consumer.assign(&assigned)?;
        let mut answered = Instant::now();
        while !unread.is_empty() {
            match consumer.poll(TIMEOUT / 10) {
                Some(Ok(message)) => {
                    let record = Record::from(&message);
                    let next = Offset::Offset(record.offset + 1);
                    self.next.insert(record.partition, next);
                    self.take(record);
                    answered = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                    answered = Instant::now();
                }
                Some(Err(error)) => return Err(error),
                None if answered.elapsed() < TIMEOUT => {}
                None => return Err(KafkaError::Canceled),
            }
            if shutdown.is_cancelled() {
                return Err(KafkaError::Canceled);
            }
        }
        Ok(())
    }

    fn take(&mut self, record: Record) {
        let key = record.key.unwrap_or_default();
        if record.value.is_none() || record.headers.last(MARK).is_some() {
            self.open.remove(&key);
        } else if self.open.len() < MOST {
            self.open.entry(key).or_insert(record.timestamp);
        } else if !self.open.contains_key(&key) {
            self.is_full = true;
        }
    }
}

/// Publishes the open letters at an interval until shutdown.
pub(crate) async fn run(
    mut letters: DeadLetters,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut failure = String::new();
    while !shutdown.is_cancelled() {
        let stop = shutdown.clone();
        let reading = move || {
            let found = letters.read(&stop);
            (letters, found)
        };
        let (same, found) = tokio::task::spawn_blocking(reading).await?;
        letters = same;
        match found {
            Ok(found) => {
                failure.clear();
                publish(&found);
            }
            // Once for each reason: a process without the right to read keeps trying.
            Err(error) if error.to_string() != failure => {
                failure = error.to_string();
                tracing::warn!(%error, "cannot read the dead letters");
            }
            Err(_) => {}
        }
        shutdown
            .run_until_cancelled(tokio::time::sleep(INTERVAL))
            .await;
    }
    Ok(())
}

fn publish(found: &BTreeMap<&'static str, Open>) {
    let now = Utc::now();
    for (aggregate, Open { count, oldest }) in found {
        let age = oldest.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds and numbers of letters are far below 2^52"
        )]
        let (count, age) = (*count as f64, age as f64);
        metrics::gauge!("factline_dead_letters_open", "aggregate" => *aggregate).set(count);
        metrics::gauge!("factline_dead_letters_seconds", "aggregate" => *aggregate).set(age);
    }
}
