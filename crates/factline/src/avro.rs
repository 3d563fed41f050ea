//! Avro datums by compiled schema.
//!
//! A [`Codec`] is one schema, parsed and resolved once, because resolving it for each record would
//! cost more than decoding. It writes and reads the bare datum. The Kafka and registry crates add
//! the frame (the schema id of the Confluent wire format).

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::util::max_allocation_bytes;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reasons for which a datum or a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema itself is wrong.
    #[error("schema cannot be parsed")]
    Schema(#[source] Box<apache_avro::Error>),
    /// The value does not fit the schema.
    #[error("cannot encode a {record}")]
    Encode {
        /// Full name of the schema's record.
        record: String,
        /// The library's error.
        #[source]
        source: Box<apache_avro::Error>,
    },
    /// The bytes do not fit the schema, or the schema does not fit the Rust type.
    #[error("cannot decode a {record}")]
    Decode {
        /// Full name of the schema's record.
        record: String,
        /// The library's error.
        #[source]
        source: Box<apache_avro::Error>,
    },
    /// The datum ends before the bytes do.
    #[error("{surplus} bytes follow the {record}")]
    Surplus {
        /// Full name of the schema's record.
        record: String,
        /// Number of bytes left.
        surplus: usize,
    },
    /// The record is not in the set.
    #[error("unknown record {record}")]
    UnknownRecord {
        /// The name that was read.
        record: String,
    },
}

/// Size that most datums, with room for a frame, do not exceed. Datums are written field by field,
/// and growing the buffer with each field costs more than the fields.
const USUAL: usize = 512;

/// Maximum number of bytes that the library allocates for one text, or for the items of one array
/// that is read as JSON. No text is longer than its record, which has at most 2 MiB. By its default
/// the library would allocate 512 MiB for a datum of five bytes that only claims to be as long.
const MAX_ALLOCATION: usize = 3 << 20;

/// A schema, ready to write and read datums of its record.
pub struct Codec {
    record: String,
    schema: &'static Schema,
    writer: GenericDatumWriter<'static>,
    reader: GenericDatumReader<'static>,
}

impl Codec {
    /// Parses a self-contained schema. The parsed form is kept for the life of the process, so
    /// parse each text once.
    ///
    /// The first call sets [`max_allocation_bytes`] of the process, unless the application has set
    /// it before.
    pub fn parse(json: &str) -> Result<Self, Error> {
        max_allocation_bytes(MAX_ALLOCATION);
        let schema = Schema::parse_str(json).map_err(|error| Error::Schema(Box::new(error)))?;
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let resolved = |error| Error::Schema(Box::new(error));
        Ok(Self {
            record: schema
                .name()
                .map_or_else(|| "datum".to_owned(), ToString::to_string),
            schema,
            writer: GenericDatumWriter::builder(schema)
                .human_readable(true)
                .build()
                .map_err(resolved)?,
            reader: GenericDatumReader::builder(schema)
                .human_readable(true)
                .build()
                .map_err(resolved)?,
        })
    }

    /// Full name of the record.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The parsed schema.
    pub fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// Writes a value as a datum.
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, Error> {
        let mut datum = Vec::with_capacity(USUAL);
        match self.writer.write_ser(&mut datum, value) {
            Ok(_) => Ok(datum),
            Err(source) => Err(Error::Encode {
                record: self.record.clone(),
                source: Box::new(source),
            }),
        }
    }

    /// Reads a value from a datum that this schema wrote. Fields that the type has and the schema
    /// lacks take the type's defaults. Fields that the type lacks are ignored.
    pub fn decode<T: DeserializeOwned>(&self, mut datum: &[u8]) -> Result<T, Error> {
        let value = self
            .reader
            .read_deser(&mut datum)
            .map_err(|source| Error::Decode {
                record: self.record.clone(),
                source: Box::new(source),
            })?;
        self.all_read(datum).map(|()| value)
    }

    /// Reads a datum as JSON, for tools that have no type for it.
    pub fn decode_json(&self, mut datum: &[u8]) -> Result<serde_json::Value, Error> {
        let value = self
            .reader
            .read_value(&mut datum)
            .and_then(serde_json::Value::try_from)
            .map_err(|source| Error::Decode {
                record: self.record.clone(),
                source: Box::new(source),
            })?;
        self.all_read(datum).map(|()| value)
    }

    /// Writes JSON as a datum, in the form in which [`Self::decode_json`] reads it. Fields that are
    /// missing take the schema's defaults. Fields that the schema lacks are ignored.
    pub fn encode_json(&self, value: &serde_json::Value) -> Result<Vec<u8>, Error> {
        let value = Value::try_from(value.clone())
            .and_then(|value| value.resolve(self.schema))
            .and_then(|value| self.writer.write_value_to_vec(value));
        value.map_err(|source| Error::Encode {
            record: self.record.clone(),
            source: Box::new(source),
        })
    }

    fn all_read(&self, rest: &[u8]) -> Result<(), Error> {
        if rest.is_empty() {
            return Ok(());
        }
        Err(Error::Surplus {
            record: self.record.clone(),
            surplus: rest.len(),
        })
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Codec").field(&self.record).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = r#"{"type": "record", "name": "a.Note", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "on", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["unknown", "short"],
            "default": "unknown"}, "default": "short"},
        {"name": "lines", "type": {"type": "array", "items":
            {"type": "record", "name": "Line", "fields": [{"name": "text", "type": "string"}]}}},
        {"name": "counts", "type": {"type": "map", "values": "double"}}]}"#;

    #[test]
    fn json_of_a_datum_is_written_as_the_same_datum() {
        let codec = Codec::parse(NOTE).unwrap();
        let note = serde_json::json!({"id": "7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11", "on": 9862,
            "at": 1_700_000_000_000_001_i64, "kind": "unknown", "lines": [{"text": "a"}],
            "counts": {"x": 0.5}});
        let datum = codec.encode_json(&note).unwrap();
        assert_eq!(codec.decode_json(&datum).unwrap(), note);
        let mut other = note.clone();
        other["more"] = 1.into();
        for field in ["on", "kind"] {
            other.as_object_mut().unwrap().remove(field);
        }
        let read = codec
            .decode_json(&codec.encode_json(&other).unwrap())
            .unwrap();
        assert_eq!((&read["on"], &read["kind"]), (&().into(), &"short".into()));
        other.as_object_mut().unwrap().remove("id");
        assert!(codec.encode_json(&other).is_err());
    }

    #[test]
    fn text_that_only_claims_to_be_long_is_refused() {
        let note = r#"{"type": "record", "name": "a.Note", "fields": [
            {"name": "text", "type": "string"}]}"#;
        // 256 MiB, as a variable-length number.
        let datum = [0x80, 0x80, 0x80, 0x80, 0x02];
        let codec = Codec::parse(note).unwrap();
        let error = codec.decode_json(&datum).unwrap_err();
        let reason = crate::error_chain(&error);
        assert!(reason.contains("maximum allowed: 3145728"), "{reason}");
    }
}
