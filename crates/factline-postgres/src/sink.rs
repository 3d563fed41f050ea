//! What is done with records: the seam between the host, which knows Kafka and checkpoints, and those who write rows.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use factline_kafka::Record;
use sqlx::PgConnection;

/// Writes a batch of records into a transaction that the host owns.
///
/// The host commits the rows together with its checkpoints, or neither. It may roll back and call again with the same
/// records, with fewer, or never: so a sink keeps nothing in memory that a failed call has changed. What it is given:
///
/// - only records after the checkpoint, of partitions that this process was assigned;
/// - of each partition in order and without a gap, of different partitions in any order;
/// - at most one batch at a time, at least one record in each.
///
/// There are two: [`crate::view::ViewSink`] for projections, and the one of whoever follows records by their envelopes.
pub trait Sink: Send + 'static {
    /// Writes what the records say. Neither begins nor ends a transaction and leaves checkpoints alone.
    fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> impl Future<Output = Result<(), SinkError>>;

    /// How long these records, which have just arrived, may wait for others to be written with them. A transaction
    /// less may be worth more than some milliseconds; where readers wait for each record, it is not.
    fn patience(&self, _records: &[Record]) -> Duration {
        Duration::ZERO
    }
}

/// Why a batch could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The database refused or went away. The host tries again for ever; if PostgreSQL blames the data (SQLSTATE classes
    /// 22 and 23) it halves the batch down to the record that cannot be written, and treats that one as poison.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
    /// Something else that the sink needs is away for now. The host tries again for ever.
    #[error("something that rows are made with is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// One record can never be written. The host stops its partition there and writes the rest of the batch.
    #[error(transparent)]
    Poison(#[from] Poison),
}

/// A record that cannot be handled, whatever is tried.
#[derive(Debug, thiserror::Error)]
#[error("record {topic}/{partition}@{offset} cannot be handled")]
pub struct Poison {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// What is wrong with it.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
}

impl Poison {
    /// The record is poison.
    pub fn new(record: &Record, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            cause: cause.into(),
        }
    }
}
