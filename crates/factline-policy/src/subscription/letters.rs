//! Letters: the parked facts of a subscription, in a compacted topic of its group.
//!
//! A letter is the unchanged record with the cause, as the dead letter of a command is. Its key is
//! the location of the record, so a letter that is written twice is one letter, and an operator's
//! mark or the result of a redrive replaces it. Its partition is that of the record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::producer::append::{Append, Appender, Failure, headers};
use factline_kafka::records::dead_letters::{CODE, KEY, MARK, POSITION, PREFIX, REASON};
use factline_kafka::records::headers::Headers;
use factline_kafka::records::record::Record;
use factline_kafka::tools::topic_reader::{self, Range, Reader};

/// Code of a letter whose fact waits for those before it.
const BEHIND: &str = "behind";
/// Code of a letter whose fact could not be handled.
const POISON: &str = "poison";

/// Mark of an operator who asks for a redrive.
const REDRIVE: &str = "redrive";
/// Mark of a fact that was handled in a redrive.
const REDRIVEN: &str = "redriven";

/// Reason why a fact is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// It could not be handled, and waits for an operator.
    Failed,
    /// An operator has asked for its redrive.
    Requested,
    /// It waits for the facts of its key before it.
    Behind,
}

/// A parked fact.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// The record of the fact, as it was read.
    pub(crate) record: Record,
    /// Why it is parked; `None` if it no longer is.
    pub(crate) waits: Option<Waits>,
    /// The headers that are not those of the fact.
    added: Headers,
}

/// Reason why the letters cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("cannot read parked facts; the job `provision` creates their topic")]
    Topic(#[from] topic_reader::Error),
    #[error("reading parked facts was cancelled")]
    Cancelled,
}

/// The topic of a subscription's letters.
#[derive(Debug, Clone)]
pub(crate) struct Letters {
    kafka: KafkaConfig,
    topic: String,
}

/// Returns the topic of a group's letters.
pub(crate) fn topic_of(group: &str) -> String {
    format!("{group}.dead-letters")
}

impl Letter {
    /// Creates the letter of a fact that could not be handled.
    pub(crate) fn failed(record: &Record, reason: &str) -> Self {
        Self::new(record, Waits::Failed, POISON, reason)
    }

    /// Creates the letter of a fact that waits for those of its key before it.
    pub(crate) fn behind(record: &Record) -> Self {
        let reason = "an earlier fact of the key is parked";
        Self::new(record, Waits::Behind, BEHIND, reason)
    }

    fn new(record: &Record, waits: Waits, code: &str, reason: &str) -> Self {
        let mut added = Headers::default();
        let texts = [(POSITION, &*record.place()), (CODE, code), (REASON, reason)];
        for (name, text) in texts {
            added.push(name, text.as_bytes());
        }
        if let Some(key) = &record.key {
            added.push(KEY, key);
        }
        Self {
            record: record.clone(),
            waits: Some(waits),
            added,
        }
    }

    /// Returns the letter with the mark that the fact was handled. The operator's name stays.
    pub(crate) fn redriven(mut self) -> Self {
        self.added.push(MARK, REDRIVEN.as_bytes());
        self.waits = None;
        self
    }

    /// Returns the partition of the fact.
    pub(crate) fn place(&self) -> TopicPartition {
        (self.record.topic.clone(), self.record.partition)
    }

    /// Returns the key of the fact.
    pub(crate) fn key(&self) -> &[u8] {
        self.record.key.as_deref().unwrap_or_default()
    }

    /// Reads a letter. Returns `None` for a tombstone, and for a record that is no letter.
    fn read(stored: &Record) -> Option<Self> {
        stored.value.as_ref()?;
        let text = |name| std::str::from_utf8(stored.headers.last(name)?).ok();
        let (topic, place) = text(POSITION)?.rsplit_once('/')?;
        let (partition, offset) = place.split_once('@')?;
        let waits = match (text(MARK), text(CODE)) {
            (Some(REDRIVE), _) => Some(Waits::Requested),
            (Some(_), _) => None,
            (None, Some(BEHIND)) => Some(Waits::Behind),
            (None, _) => Some(Waits::Failed),
        };
        let is_added = |(name, _): &(&str, &[u8])| name.starts_with(PREFIX);
        Some(Self {
            record: Record {
                topic: topic.to_owned(),
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
                key: stored.headers.last(KEY).map(<[u8]>::to_vec),
                headers: stored.headers.iter().filter(|it| !is_added(it)).collect(),
                ..stored.clone()
            },
            waits,
            added: stored.headers.iter().filter(is_added).collect(),
        })
    }
}

impl Letters {
    /// Returns the letters of a group.
    pub(crate) fn of(kafka: &KafkaConfig, group: &str) -> Self {
        Self {
            kafka: kafka.clone(),
            topic: topic_of(group),
        }
    }

    /// Reads the newest state of all letters, in the order of each partition's offsets.
    pub(crate) async fn read(&self) -> Result<Vec<Letter>, ReadError> {
        let Self { kafka, topic } = self.clone();
        let reading = move || Reader::open(&kafka, &topic, &Range::default())?.all();
        let read = tokio::task::spawn_blocking(reading).await;
        let records = read.map_err(|_| ReadError::Cancelled)??;
        let mut newest = std::collections::BTreeMap::new();
        for record in records {
            let (partition, key) = (record.partition, record.key.clone());
            newest.insert((partition, key), record);
        }
        let mut letters: Vec<Letter> = newest.values().filter_map(Letter::read).collect();
        letters.sort_by_key(|letter| (letter.place(), letter.record.offset));
        Ok(letters)
    }

    /// Appends a letter, and waits until it is acknowledged.
    pub(crate) async fn append(&self, appender: &Appender, letter: &Letter) -> Result<(), Failure> {
        let record = &letter.record;
        let (key, added) = (record.place(), letter.added.iter());
        let append = Append {
            topic: &self.topic,
            partition: record.partition,
            key: key.as_bytes(),
            headers: headers(record.headers.iter().chain(added)),
            value: record.value.as_deref().unwrap_or_default(),
        };
        appender.append(append).await.map(drop)
    }
}

/// Maximum wait for the acknowledgement of a letter. After it, the letter is appended again.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);

/// The letters of a subscription, and when they were read last.
pub(crate) struct Redrives {
    pub(crate) letters: Letters,
    client: ClientConfig,
    /// Created with the first letter: usually there is none.
    appender: Option<Arc<Appender>>,
    pub(crate) read_at: Instant,
}

impl Redrives {
    pub(crate) fn new(kafka: &KafkaConfig, group: &str) -> Self {
        let mut client = kafka.client_config();
        client.set("compression.type", "lz4");
        Self {
            letters: Letters::of(kafka, group),
            client,
            appender: None,
            read_at: Instant::now(),
        }
    }

    /// Returns the producer of letters.
    ///
    /// # Errors
    /// If the client's configuration is invalid.
    pub(crate) fn appender(&mut self) -> Result<Arc<Appender>, KafkaError> {
        if let Some(appender) = &self.appender {
            return Ok(Arc::clone(appender));
        }
        let appender = Arc::new(Appender::new(self.client.clone(), ACKNOWLEDGED)?);
        self.appender = Some(Arc::clone(&appender));
        Ok(appender)
    }
}
