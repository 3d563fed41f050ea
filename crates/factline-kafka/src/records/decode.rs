//! From a record's bytes to a message, the registry's schema in between.

use factline::avro::{self, Codec};
use factline::envelope::{Envelope, InvalidEnvelope};
use factline::{Messages, Outcome};

use crate::records::framing;
use crate::records::record::Record;
use crate::records::registry::{self, Registry};

/// Why a record is no message of the expected set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The headers are no envelope.
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    /// There is no value.
    #[error("the value is missing")]
    NoValue,
    /// The value does not begin as it should.
    #[error(transparent)]
    Frame(#[from] framing::Error),
    /// The registry cannot give the schema, or not now: see [`Error::is_transient`].
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The schema does not give this message.
    #[error(transparent)]
    Avro(#[from] avro::Error),
    /// The type header and the schema name different records.
    #[error("header ce_type says {header}, the schema says {schema}")]
    OtherRecord {
        /// From the header.
        header: String,
        /// From the schema.
        schema: String,
    },
}

impl Error {
    /// Whether it is not the record's fault and the same record may be read later.
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

/// Decodes the value of a record whose envelope was read.
pub async fn value<M: Messages>(
    registry: &Registry,
    envelope: &Envelope,
    record: &Record,
) -> Result<M, Error> {
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let codec = registry.codec(id).await?;
    by_codec(&codec, envelope, datum)
}

/// Decodes a record as [`message`] does, for a thread of its own: it only waits, on the runtime, for a schema that was
/// not seen before.
pub fn message_blocking<M: Messages>(
    registry: &Registry,
    runtime: &tokio::runtime::Handle,
    record: &Record,
) -> Result<(Envelope, M), Error> {
    let envelope = record.envelope()?;
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let codec = match registry.known_codec(id) {
        Some(codec) => codec,
        None => runtime.block_on(registry.codec(id))?,
    };
    let message = by_codec(&codec, &envelope, datum)?;
    Ok((envelope, message))
}

fn by_codec<M: Messages>(codec: &Codec, envelope: &Envelope, datum: &[u8]) -> Result<M, Error> {
    if codec.record() != envelope.record {
        let (header, schema) = (envelope.record.clone(), codec.record().to_owned());
        return Err(Error::OtherRecord { header, schema });
    }
    Ok(M::decode(&envelope.record, codec, datum)?)
}

/// Decodes a record as an outcome.
pub async fn outcome(registry: &Registry, record: &Record) -> Result<(Envelope, Outcome), Error> {
    let envelope = record.envelope()?;
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let outcome = registry.codec(id).await?.decode(datum)?;
    Ok((envelope, outcome))
}

/// Decodes the value of a record as JSON by the schema that wrote it, whatever record it is. Answers the record's full
/// name too, which need not be what the headers say.
pub async fn json(
    registry: &Registry,
    record: &Record,
) -> Result<(String, serde_json::Value), Error> {
    let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
    let codec = registry.codec(id).await?;
    Ok((codec.record().to_owned(), codec.decode_json(datum)?))
}
