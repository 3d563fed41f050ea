//! Scans partitions of a topic at the speed of the client, for tools that read all of a log.
//!
//! Unlike [`topic_reader`](crate::tools::topic_reader), it copies nothing: a record is borrowed
//! from the buffer in which it was fetched. One client reads one topic, because the client reports
//! the end of a partition without the topic.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::records::record::Record;
use crate::tools::topic_reader::{Error, TIMEOUT, failed};
use crate::topics::watermarks::{Ends, count_of, ends};

/// Maximum time for which [`Extents`] waits for open transactions. Brokers abort the transactions
/// of killed handlers sooner.
const OPEN_TRANSACTIONS: Duration = Duration::from_mins(2);

/// Pause between two queries for the end of open transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// A record that is borrowed from the client.
#[derive(Debug)]
pub struct Scanned<'a>(&'a BorrowedMessage<'a>);

impl<'a> Scanned<'a> {
    /// Returns the partition number.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Returns the offset within the partition.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Returns the timestamp in milliseconds since 1970; 0 if the record has none.
    pub fn milliseconds(&self) -> i64 {
        self.0.timestamp().to_millis().unwrap_or_default()
    }

    /// Returns the key's bytes.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.0.key()
    }

    /// Returns the value's bytes.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.0.payload()
    }

    /// Calls `then` with each header, in their order. Returns `false` if a name is not UTF-8: then
    /// the record counts as one without headers, as in [`Record`].
    #[must_use]
    pub fn each_header(&self, mut then: impl FnMut(&'a str, &'a [u8])) -> bool {
        let Some(headers) = self.0.headers() else {
            return true;
        };
        // The rdkafka crate panics on such a name.
        let read = AssertUnwindSafe(|| {
            for header in headers.iter() {
                then(header.key, header.value.unwrap_or_default());
            }
        });
        catch_unwind(read).is_ok()
    }

    /// Copies the record.
    pub fn to_record(&self) -> Record {
        Record::from(self.0)
    }
}

/// Calls `then` with each committed record of a topic that lies in these ranges: offsets by
/// partition, from the first up to, but not including, the second. Records of a partition come in
/// their order. Blocks until the ranges have been read.
///
/// The second offset must come from [`Extents`]: before it, no transaction may be open.
///
/// # Errors
/// If Kafka does not answer, or `then` fails.
pub fn scan<E: From<Error>>(
    config: &KafkaConfig,
    topic: &str,
    ranges: &BTreeMap<i32, (i64, i64)>,
    mut then: impl FnMut(&Scanned<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut open: HashMap<i32, i64> = HashMap::new();
    let mut from = TopicPartitionList::with_capacity(ranges.len());
    for (partition, (begin, end)) in ranges.iter().filter(|(_, (begin, end))| begin < end) {
        open.insert(*partition, *end);
        from.add_partition_offset(topic, *partition, Offset::Offset(*begin))
            .map_err(|source| failed(topic, source))?;
    }
    if open.is_empty() {
        return Ok(());
    }
    let consumer = client(config, topic, "read_committed")?;
    consumer
        .assign(&from)
        .map_err(|source| failed(topic, source))?;
    let mut heard = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some(end) = open.get(&partition).copied() else {
                    continue;
                };
                if offset < end {
                    then(&Scanned(&message))?;
                }
                if offset + 1 >= end {
                    open.remove(&partition);
                }
            }
            // The last offsets before an end may be those of markers, which are no records.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                open.remove(&partition);
            }
            // librdkafka retries by itself; a permanent error is returned below.
            Some(Err(error)) if heard.elapsed() > TIMEOUT => Err(failed(topic, error))?,
            None if heard.elapsed() > TIMEOUT => Err(Error::Silent {
                topic: topic.to_owned(),
            })?,
            Some(Err(_)) | None => {}
        }
    }
    Ok(())
}

/// Reads the first offsets and the ends of topics, without a transaction that is open before an
/// end. Its calls block.
pub struct Extents {
    committed: BaseConsumer,
    written: BaseConsumer,
}

impl Extents {
    /// Creates the clients.
    pub fn new(config: &KafkaConfig) -> Result<Self, Error> {
        Ok(Self {
            committed: client(config, "", "read_committed")?,
            written: client(config, "", "read_uncommitted")?,
        })
    }

    /// Returns the first offset and the end of each partition of a topic. The end is that of all
    /// that was written before the call. If transactions are open there, waits until they have
    /// ended. So it includes everything that belongs to an offset that a group had committed before
    /// the call.
    ///
    /// # Errors
    /// If the topic does not exist, Kafka does not answer, or a transaction stays open for two
    /// minutes.
    pub fn of(&self, topic: &str) -> Result<Ends, Error> {
        let kafka = |source| failed(topic, source);
        let count = count_of(&self.written, topic, TIMEOUT).map_err(kafka)?;
        let count = count.ok_or_else(|| Error::NoTopic {
            topic: topic.to_owned(),
        })?;
        let partitions: Vec<i32> = (0..count).collect();
        let written = ends(&self.written, topic, &partitions, TIMEOUT).map_err(kafka)?;
        let begun = Instant::now();
        loop {
            let stable = ends(&self.committed, topic, &partitions, TIMEOUT).map_err(kafka)?;
            let is_open = |partition: &i32, end: i64| {
                stable
                    .get(partition)
                    .is_none_or(|(_, stable)| *stable < end)
            };
            let mut open = written.iter();
            let Some((partition, _)) = open.find(|(partition, (_, end))| is_open(partition, *end))
            else {
                return Ok(written);
            };
            if begun.elapsed() > OPEN_TRANSACTIONS {
                let (topic, partition) = (topic.to_owned(), *partition);
                return Err(Error::OpenTransaction { topic, partition });
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn client(config: &KafkaConfig, topic: &str, isolation: &str) -> Result<BaseConsumer, Error> {
    config
        .client_config()
        // librdkafka requires a group name to assign partitions; the client joins no group.
        .set("group.id", format!("{}reading", config.topic_prefix))
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // The reason is in `topic_reader`.
        .set("fetch.wait.max.ms", "10")
        .create()
        .map_err(|source| failed(topic, source))
}
