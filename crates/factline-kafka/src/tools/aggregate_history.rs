//! History of one aggregate and the state that follows from it, for tools. Handlers do not use this
//! module: they recover all aggregates of a partition at once.

use factline::envelope::InvalidEnvelope;
use factline::{Aggregate, Envelope, EventOf};

use crate::client::config::KafkaConfig;
use crate::records::decode;
use crate::records::record::Record;
use crate::records::registry::Registry;
use crate::tools::topic_reader::{self, Range, Reader, partitions};
use crate::topics::{Topics, partition_of};

/// Reason why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topic cannot be read.
    #[error(transparent)]
    Reading(#[from] topic_reader::Error),
    /// A record that should be an event of this aggregate cannot be decoded.
    #[error("cannot decode {place}")]
    Undecodable {
        /// Position of the record.
        place: String,
        /// The cause.
        #[source]
        source: Box<decode::Error>,
    },
    /// An event is missing, or occurs twice. A state that is derived from the history cannot be
    /// trusted.
    #[error("{place} has version {found}, expected {expected}")]
    Gap {
        /// Position of the event.
        place: String,
        /// The expected version.
        expected: u64,
        /// The version in its header; 0 if there is none.
        found: u64,
    },
}

/// An event that is not decoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Envelope of the event.
    pub envelope: Envelope,
    /// The record.
    pub record: Record,
}

/// Returns the records of one key on an aggregate's topic. Blocks until the key's partition has
/// been read.
pub fn records_of(config: &KafkaConfig, topic: &str, key: &str) -> Result<Vec<Record>, Error> {
    let range = Range {
        partition: Some(partition_of(key.as_bytes(), partitions(config, topic)?)),
        ..Range::default()
    };
    let mut records = Reader::open(config, topic, &range)?.all()?;
    records.retain(|record| record.key.as_deref() == Some(key.as_bytes()));
    Ok(records)
}

/// Returns the events of one aggregate, after checking that none is missing. Blocks until its
/// partition has been read.
pub fn facts(config: &KafkaConfig, topics: &Topics, id: &str) -> Result<Vec<Fact>, Error> {
    let mut facts = Vec::new();
    for (expected, record) in (1..).zip(records_of(config, topics.events(), id)?) {
        let envelope = record
            .envelope()
            .map_err(|error: InvalidEnvelope| undecodable(&record, error.into()))?;
        let found = envelope.sequence.unwrap_or_default();
        if found != expected {
            let place = record.place();
            return Err(Error::Gap {
                place,
                expected,
                found,
            });
        }
        facts.push(Fact { envelope, record });
    }
    Ok(facts)
}

/// Returns the state after these events, by the aggregate's own rules.
pub async fn fold<A: Aggregate>(registry: &Registry, facts: &[Fact]) -> Result<A, Error> {
    let mut state = A::default();
    for Fact { envelope, record } in facts {
        let event = decode::value::<EventOf<A::Type>>(registry, envelope, record)
            .await
            .map_err(|error| undecodable(record, error))?;
        state = state.evolve(&event);
    }
    Ok(state)
}

fn undecodable(record: &Record, source: decode::Error) -> Error {
    Error::Undecodable {
        place: record.place(),
        source: Box::new(source),
    }
}
