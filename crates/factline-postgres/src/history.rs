//! The past of a view: its rows at an earlier time, and the events that made a row what it is.
//!
//! Both are folded from the topic by the view's own code, so they are what a rebuild would have
//! made of the same events. Nothing is written. PostgreSQL is asked only to show rows as JSON, in
//! the form in which the table has them.

mod trace;

use std::collections::BTreeMap;

use factline::{Envelope, Timestamp};
use factline_kafka::tools::topic_reader::{self, Next, Range, Reader};
use factline_kafka::{KafkaConfig, Record, Registry};
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::partition::sequence;
use crate::rebuild::fold::KeyRange;
use crate::sink::SinkError;
use crate::view::HostedView;

pub(crate) use trace::{Trace, TracedRows, TracedSums};

/// Number of records that are read at once.
const CHUNK: usize = 1_000;
/// Number of chunks that are read ahead.
const AHEAD: usize = 4;
/// Wait for a record before the reader looks whether it is still needed.
const WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// Reason why the past of a view cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topic cannot be read.
    #[error(transparent)]
    Reading(#[from] topic_reader::Error),
    /// The database failed.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
    /// An event cannot be applied or decoded.
    #[error("an event cannot be applied")]
    Event(#[from] SinkError),
    /// A key is not one of the view.
    #[error("{key} is no key of the view; a key has the columns {columns}")]
    Key {
        /// The key.
        key: String,
        /// Names of the columns of a key.
        columns: String,
    },
    /// A key has a value that its column cannot have.
    #[error("{key} is no key of the view: {cause}")]
    KeyValue {
        /// The key.
        key: String,
        /// Why the value is none of the column.
        cause: String,
    },
    /// A defect of the reader.
    #[error("the reader panicked")]
    Panicked,
}

/// The sources of history.
#[derive(Clone)]
pub struct Sources {
    /// Options of the Kafka client.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
    /// Connections to the database, as a role without any rights.
    pub pool: PgPool,
}

/// The last events of a past state.
#[derive(Debug, Clone, Default)]
pub enum Until {
    /// All events.
    #[default]
    End,
    /// The last event at or before this time, by the records' timestamps.
    Time(Timestamp),
    /// The event at this offset of a partition, and in other partitions those that are not later.
    Offset {
        /// Partition of the event.
        partition: i32,
        /// Offset of the event.
        offset: i64,
    },
    /// The events with these sequences. A partition that is missing has none.
    Sequences(BTreeMap<i32, u64>),
}

/// An event that changed a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The row's key, a JSON object.
    pub key: Value,
    /// The event's envelope.
    pub envelope: Envelope,
    /// Topic of the event.
    pub topic: String,
    /// Partition of the event.
    pub partition: i32,
    /// Offset of the event.
    pub offset: i64,
    /// Timestamp of the record.
    pub time: Timestamp,
    /// The row before the event, a JSON object; `None` if there was none.
    pub before: Option<Value>,
    /// The row after the event.
    pub after: Option<Value>,
}

/// Returns the columns of a view's key.
pub fn key_columns(view: &HostedView) -> Vec<&'static str> {
    (view.trace())().key_columns()
}

/// Returns the rows of a view after these events, as JSON objects. The order is that of their keys'
/// text.
///
/// # Errors
/// If an event cannot be applied, even if the view parks it: the row would be that of no rebuild.
pub async fn rows_at(
    view: &HostedView,
    sources: &Sources,
    until: Until,
) -> Result<Vec<Value>, Error> {
    let mut fold = (view.fold())(KeyRange::ALL);
    let mut records = read(view, sources, until).await?;
    while let Some(chunk) = records.recv().await {
        fold.apply(&sources.registry, &chunk?).await?;
    }
    let mut connection = sources.pool.acquire().await?;
    let statement = view.table().json().into();
    let mut rows = fold.json(&mut connection, &statement).await?;
    let columns = key_columns(view);
    rows.sort_by_cached_key(|row| {
        let parts = columns.iter().map(|column| row[column].to_string());
        parts.collect::<Vec<_>>()
    });
    Ok(rows)
}

/// Returns the changes of the rows with these keys, in the order of time. Keys are JSON objects
/// with the key's columns.
pub async fn changes(
    view: &HostedView,
    sources: &Sources,
    until: Until,
    keys: &[Value],
) -> Result<Vec<Change>, Error> {
    let mut trace = (view.trace())();
    let mut connection = sources.pool.acquire().await?;
    trace.choose(&mut connection, keys).await?;
    drop(connection);
    let mut records = read(view, sources, until).await?;
    while let Some(chunk) = records.recv().await {
        for record in chunk? {
            trace.apply(&sources.registry, &record).await?;
        }
    }
    let mut connection = sources.pool.acquire().await?;
    let mut changes = trace.changes(&mut connection).await?;
    changes.sort_by_key(|change| (change.time, change.partition, change.offset));
    Ok(changes)
}

/// Reads the view's topic on another thread, in chunks.
async fn read(
    view: &HostedView,
    sources: &Sources,
    until: Until,
) -> Result<mpsc::Receiver<Result<Vec<Record>, topic_reader::Error>>, Error> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (kafka, topic) = (sources.kafka.clone(), view.topic(&sources.kafka));
    let bound = until.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let range = Range {
            until: last_time(&kafka, &topic, &bound)?,
            ..Range::default()
        };
        Reader::open(&kafka, &topic, &range)
    });
    let mut reader = opened.await.map_err(|_| Error::Panicked)??;
    tokio::task::spawn_blocking(move || {
        loop {
            let chunk = next_chunk(&mut reader, &until);
            let is_last = !matches!(&chunk, Ok(Some(_)));
            // The receiver is dropped if the caller needs no more.
            let Some(chunk) = chunk.transpose() else {
                return;
            };
            if sender.blocking_send(chunk).is_err() || is_last {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Returns the time of the last event, if there is a last one.
fn last_time(
    kafka: &KafkaConfig,
    topic: &str,
    until: &Until,
) -> Result<Option<Timestamp>, topic_reader::Error> {
    let (partition, offset) = match until {
        Until::End | Until::Sequences(_) => return Ok(None),
        Until::Time(time) => return Ok(Some(*time)),
        Until::Offset { partition, offset } => (*partition, *offset),
    };
    let range = Range {
        partition: Some(partition),
        from: Some(offset),
        ..Range::default()
    };
    let mut reader = Reader::open(kafka, topic, &range)?;
    loop {
        match reader.next(WAIT)? {
            Next::Record(record) => return Ok(Some(record.timestamp)),
            Next::End => return Ok(None),
            Next::Nothing => {}
        }
    }
}

fn next_chunk(
    reader: &mut Reader,
    until: &Until,
) -> Result<Option<Vec<Record>>, topic_reader::Error> {
    let mut chunk = Vec::new();
    while chunk.len() < CHUNK {
        match reader.next(WAIT)? {
            Next::Record(record) if is_included(&record, until) => chunk.push(*record),
            Next::Record(_) => {}
            Next::End if chunk.is_empty() => return Ok(None),
            Next::End | Next::Nothing => break,
        }
    }
    Ok(Some(chunk))
}

fn is_included(record: &Record, until: &Until) -> bool {
    match until {
        Until::Sequences(last) => {
            let last = last.get(&record.partition).copied().unwrap_or_default();
            sequence(record).is_some_and(|found| found <= last)
        }
        Until::Offset { partition, offset } if *partition == record.partition => {
            record.offset <= *offset
        }
        // The reader ends at the time.
        Until::End | Until::Time(_) | Until::Offset { .. } => true,
    }
}
