//! What happened to one aggregate, and the state that follows from it, for tools. Handlers have their own way: theirs is
//! about all aggregates of a partition at once.

use factline::envelope::InvalidEnvelope;
use factline::{Aggregate, Envelope};

use crate::client::config::KafkaConfig;
use crate::records::decode;
use crate::records::record::Record;
use crate::records::registry::Registry;
use crate::tools::topic_reader::{self, Range, Reader, partitions};
use crate::topics::{Topics, partition_of};

/// Why a history cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topic cannot be read.
    #[error(transparent)]
    Reading(#[from] topic_reader::Error),
    /// A record that should be an event of this aggregate.
    #[error("{place} cannot be decoded")]
    Undecodable {
        /// Where it stands.
        place: String,
        /// Why not.
        #[source]
        source: Box<decode::Error>,
    },
    /// An event is missing, or stands twice: nothing that follows from it can be trusted.
    #[error("{place} has version {found} and not {expected}")]
    Gap {
        /// Where the event stands.
        place: String,
        /// The version that comes next.
        expected: u64,
        /// The version in its header; 0 if there is none.
        found: u64,
    },
}

/// An event, not decoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Who, when, why.
    pub envelope: Envelope,
    /// The record.
    pub record: Record,
}

/// The records of one key on a topic of an aggregate. Blocks until the key's partition is read.
pub fn records_of(config: &KafkaConfig, topic: &str, key: &str) -> Result<Vec<Record>, Error> {
    let range = Range {
        partition: Some(partition_of(key.as_bytes(), partitions(config, topic)?)),
        ..Range::default()
    };
    let mut records = Reader::open(config, topic, &range)?.all()?;
    records.retain(|record| record.key.as_deref() == Some(key.as_bytes()));
    Ok(records)
}

/// The events of one aggregate, checked to be without gap. Blocks until its partition is read.
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

/// The state after these events, by the aggregate's own rules.
pub async fn fold<A: Aggregate>(registry: &Registry, facts: &[Fact]) -> Result<A, Error> {
    let mut state = A::default();
    for Fact { envelope, record } in facts {
        let event = decode::value::<A::Event>(registry, envelope, record)
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
