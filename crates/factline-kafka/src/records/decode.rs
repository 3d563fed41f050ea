//! Decodes a record's bytes to a message, with the schema from the registry.

use factline::avro::{self, Codec};
use factline::cancel::Cancel;
use factline::envelope::{Envelope, InvalidEnvelope};
use factline::{Messages, Outcome};
use uuid::Uuid;

use crate::records::framing;
use crate::records::record::Record;
use crate::records::registry::{self, Registry};

/// Reason why a record is no message of the expected set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The headers are no valid envelope.
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    /// The record has no value.
    #[error("the value is missing")]
    NoValue,
    /// The value does not begin with a schema id.
    #[error(transparent)]
    Frame(#[from] framing::Error),
    /// The registry has no such schema, or is unavailable: see [`Error::is_transient`].
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The value cannot be decoded with the schema.
    #[error(transparent)]
    Avro(#[from] avro::Error),
    /// The type header and the schema name different records.
    #[error("header ce_type names {header}, the schema names {schema}")]
    OtherRecord {
        /// From the header.
        header: String,
        /// From the schema.
        schema: String,
    },
}

impl Error {
    /// Returns whether the cause is not the record, so that the same record may be decoded later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_transient())
    }
}

/// Decodes a record as a message of the set `M`.
pub async fn message<M: Messages>(
    registry: &Registry,
    record: &Record,
) -> Result<(Envelope, M), Error> {
    let envelope = record.envelope()?;
    let message = value(registry, &envelope, record).await?;
    Ok((envelope, message))
}

/// Decodes the value of a record whose envelope has been read.
pub async fn value<M: Messages>(
    registry: &Registry,
    envelope: &Envelope,
    record: &Record,
) -> Result<M, Error> {
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let codec = registry.codec(id).await?;
    by_codec(&codec, envelope, datum)
}

/// Decodes a record as [`message`] does, without a request to the registry.
///
/// # Errors
/// [`registry::Error::NotCached`] if the schema must be fetched first.
pub fn cached_message<M: Messages>(
    registry: &Registry,
    record: &Record,
) -> Result<(Envelope, M), Error> {
    let envelope = record.envelope()?;
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let message = by_codec(&*registry.cached_codec(id)?, &envelope, datum)?;
    Ok((envelope, message))
}

fn by_codec<M: Messages>(codec: &Codec, envelope: &Envelope, datum: &[u8]) -> Result<M, Error> {
    check_record(codec, envelope)?;
    Ok(M::decode(&envelope.record, codec, datum)?)
}

fn check_record(codec: &Codec, envelope: &Envelope) -> Result<(), Error> {
    if codec.record() == envelope.record {
        return Ok(());
    }
    let (header, schema) = (envelope.record.clone(), codec.record().to_owned());
    Err(Error::OtherRecord { header, schema })
}

/// Decodes a record as a [cancel](factline::cancel), without a request to the registry. The
/// envelope names the operation.
///
/// # Errors
/// As [`cached_message`].
pub fn cached_cancel(registry: &Registry, record: &Record) -> Result<(Envelope, Uuid), Error> {
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    cancel(&*registry.cached_codec(id)?, record.envelope()?, datum)
}

/// Decodes a cancel with the codec of the schema that wrote it.
pub fn cancel(codec: &Codec, envelope: Envelope, datum: &[u8]) -> Result<(Envelope, Uuid), Error> {
    check_record(codec, &envelope)?;
    let Cancel {} = codec.decode(datum)?;
    let missing = InvalidEnvelope::Missing { name: "ce_cancels" };
    let operation = envelope.cancels.ok_or(missing)?;
    Ok((envelope, operation))
}

/// Decodes a record as an outcome.
pub async fn outcome(registry: &Registry, record: &Record) -> Result<(Envelope, Outcome), Error> {
    let envelope = record.envelope()?;
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let outcome = registry.codec(id).await?.decode(datum)?;
    Ok((envelope, outcome))
}

/// Decodes the value of a record as JSON with the schema that wrote it, for any type of record.
/// Also returns the record's full name, which may differ from the headers.
pub async fn json(
    registry: &Registry,
    record: &Record,
) -> Result<(String, serde_json::Value), Error> {
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let codec = registry.codec(id).await?;
    Ok((codec.record().to_owned(), codec.decode_json(datum)?))
}
