//! Interface between the host, which handles Kafka and checkpoints, and the code that writes rows.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

pub use factline::PoisonPolicy;
use factline_kafka::Record;
use sqlx::PgConnection;

/// Writes a batch of records into a transaction that the host owns.
///
/// The host commits the rows and its checkpoints together, or neither. It may roll back and call
/// again with the same records, with fewer, or never. Therefore a sink keeps no state in memory
/// that a failed call has changed. It receives:
///
/// - only records after the checkpoint, of partitions that are assigned to this process
/// - the records of each partition in order and without a gap, and those of different partitions in
///   any order
/// - at most one batch at a time, with at least one record
///
/// Views have two sinks, [`crate::view::ViewSink`] and [`crate::view::AdditiveSink`]. Custom sinks
/// follow records by their envelopes.
pub trait Sink: Send + 'static {
    /// Writes the rows for the records. It must neither begin nor end a transaction, and must not
    /// touch checkpoints.
    fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> impl Future<Output = Result<(), SinkError>>;

    /// Returns what the host does with a record that can never be written.
    fn poison(&self) -> PoisonPolicy {
        PoisonPolicy::Halt
    }

    /// Returns how long records that have just arrived may wait, so that others are written with
    /// them. Saving a transaction may be worth some milliseconds of delay. It is not where readers
    /// wait for each record.
    fn patience(&self, _records: &[Record]) -> Duration {
        Duration::ZERO
    }
}

/// Reason why a batch could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The database failed or is unavailable. The host retries without limit. If PostgreSQL rejects
    /// the data (SQLSTATE classes 22, 23 and 54), the host halves the batch down to the record that
    /// cannot be written. It treats that record as poison.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
    /// Another dependency of the sink is temporarily unavailable. The host retries without limit.
    #[error("a dependency of the sink is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// One record can never be written. The host treats it as [`Sink::poison`] says and writes the
    /// rest of the batch.
    #[error(transparent)]
    Poison(#[from] Poison),
}

/// Record that no retry can handle.
#[derive(Debug, thiserror::Error)]
#[error("record {topic}/{partition}@{offset} cannot be handled")]
pub struct Poison {
    /// Topic of the record.
    pub topic: String,
    /// Partition of the record.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
    /// Reason why the record cannot be handled.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
    /// True if the partition must halt, whatever [`Sink::poison`] says.
    pub must_halt: bool,
}

impl Poison {
    /// Marks a record as poison.
    pub fn new(record: &Record, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            cause: cause.into(),
            must_halt: false,
        }
    }

    /// Halts the partition, because the record's key is not what is wrong.
    #[must_use]
    pub fn halting(self) -> Self {
        let must_halt = true;
        Self { must_halt, ..self }
    }
}
