//! The codecs of a topic's records, with their schema ids.

use std::sync::Arc;

use factline::avro::{self, Codec};
use factline::{Messages, RecordSchema};
use serde::Serialize;

use factline_kafka::records::framing;
use factline_kafka::records::registry::SchemaIds;

/// The name, the schema id and the codec of each record of a topic. A topic has so few records that
/// a search is faster than a hash.
#[derive(Debug, Clone)]
pub(crate) struct Codecs(Vec<(&'static str, i32, Arc<Codec>)>);

impl Codecs {
    /// Takes the codecs of those records that are registered.
    pub(crate) fn registered(records: &'static [RecordSchema], ids: &SchemaIds) -> Self {
        let known = records.iter().filter_map(|record| {
            let (id, codec) = ids.get(record.name)?;
            Some((record.name, id, Arc::clone(codec)))
        });
        Self(known.collect())
    }

    /// Has no codecs: nothing can be written.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Encodes a message in the Confluent wire format.
    pub(crate) fn message<M: Messages>(&self, message: &M) -> Result<Vec<u8>, avro::Error> {
        let (id, codec) = self.get(message.record())?;
        Ok(framing::put_before(id, message.encode(codec)?))
    }

    /// Encodes a value of the named record in the Confluent wire format.
    pub(crate) fn value<T: Serialize>(
        &self,
        record: &str,
        value: &T,
    ) -> Result<Vec<u8>, avro::Error> {
        let (id, codec) = self.get(record)?;
        Ok(framing::put_before(id, codec.encode(value)?))
    }

    fn get(&self, record: &str) -> Result<(i32, &Codec), avro::Error> {
        match self.0.iter().find(|(name, ..)| *name == record) {
            Some((_, id, codec)) => Ok((*id, codec)),
            None => Err(avro::Error::UnknownRecord {
                record: record.to_owned(),
            }),
        }
    }
}

/// Codecs without a registry, for tests.
#[cfg(test)]
mod in_memory {
    use factline::Envelope;
    use factline_kafka::records::decode::{self, Error};
    use factline_kafka::records::record::Record;
    use factline_kafka::records::registry;
    use uuid::Uuid;

    use super::*;

    impl Codecs {
        /// Parses the schemas and numbers them from `first_id` on.
        pub(crate) fn in_memory(first_id: i32, records: &'static [RecordSchema]) -> Self {
            let numbered = (first_id..).zip(records).map(|(id, record)| {
                let codec = Codec::parse(record.json).expect("the test's schema is valid");
                (record.name, id, Arc::new(codec))
            });
            Self(numbered.collect())
        }

        /// Decodes a record as `decode::message` does.
        pub(crate) fn read<M: Messages>(&self, record: &Record) -> Result<(Envelope, M), Error> {
            let envelope = record.envelope()?;
            let (schema, codec, datum) = self.framed(record)?;
            if *schema != envelope.record {
                let (header, schema) = (envelope.record, (*schema).to_owned());
                return Err(Error::OtherRecord { header, schema });
            }
            let message = M::decode(&envelope.record, codec, datum)?;
            Ok((envelope, message))
        }

        /// Decodes a record as `decode::cached_cancel` does.
        pub(crate) fn read_cancel(&self, record: &Record) -> Result<(Envelope, Uuid), Error> {
            let (_, codec, datum) = self.framed(record)?;
            decode::cancel(codec, record.envelope()?, datum)
        }

        /// Returns the schema's name, the codec and the datum of a record.
        fn framed<'r>(
            &self,
            record: &'r Record,
        ) -> Result<(&&'static str, &Codec, &'r [u8]), Error> {
            let (id, datum) = framing::read(record.value.as_deref().ok_or(Error::NoValue)?)?;
            let mut known = self.0.iter();
            let (schema, _, codec) = known
                .find(|(_, known, _)| *known == id)
                .ok_or(registry::Error::Lost { id })?;
            Ok((schema, codec, datum))
        }
    }
}
