//! The codecs of this program's own schemas.

use std::collections::HashMap;

use factline::avro::{Codec, Error};
use factline::{Contract, Messages, RecordSchema};
use serde_json::Value;

/// The codecs of an aggregate's commands and events, by the schemas of this program. A codec is
/// never freed, so create them once for each aggregate type.
#[derive(Debug)]
pub struct OwnCodecs {
    commands: HashMap<&'static str, Codec>,
    events: HashMap<&'static str, Codec>,
}

impl OwnCodecs {
    /// Parses the schemas of a contract.
    pub fn of(contract: &Contract) -> Result<Self, Error> {
        Ok(Self {
            commands: parsed(contract.commands)?,
            events: parsed(contract.events)?,
        })
    }

    /// Returns the codec of a command.
    pub fn command(&self, record: &str) -> Option<&Codec> {
        self.commands.get(record)
    }

    /// Returns an event's value as JSON, as the schema of this program writes it.
    pub(super) fn event<E: Messages>(&self, event: &E) -> Result<Value, Error> {
        let record = event.record();
        let codec = self.events.get(record).ok_or_else(|| unknown(record))?;
        codec.decode_json(&event.encode(codec)?)
    }
}

fn parsed(schemas: &[RecordSchema]) -> Result<HashMap<&'static str, Codec>, Error> {
    let codecs = schemas.iter();
    let codecs = codecs.map(|schema| Ok((schema.name, Codec::parse(schema.json)?)));
    codecs.collect()
}

pub(super) fn unknown(record: &str) -> Error {
    Error::UnknownRecord {
        record: record.to_owned(),
    }
}
