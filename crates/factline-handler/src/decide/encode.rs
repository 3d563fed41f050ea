//! Encodes facts into records. No other module builds a record of events, outcomes or dead letters.

use std::sync::Arc;

use factline::outcome;
use factline::{Envelope, Messages, Outcome, Timestamp, avro};

use crate::decide::codecs::Codecs;
use crate::decide::facts::{DeadLetter, Enveloped, Facts};
use factline_kafka::records::dead_letters;
use factline_kafka::records::headers::Headers;
use factline_kafka::topics::Topics;

/// Maximum size of a record. Larger records fail here; a smaller record that the broker refuses is
/// found when it refuses.
const MAX_RECORD_BYTES: usize = 2_000_000;

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) headers: Headers,
    pub(crate) time: Timestamp,
    pub(crate) value: Vec<u8>,
}

/// Reason why facts have no records.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritable {
    #[error("cannot write the result: {}", factline::error_chain(.0))]
    Encoding(#[from] avro::Error),
    #[error("a record that the command leads to is too large")]
    TooLarge,
}

/// Encoder of an aggregate's facts.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    events: (Arc<str>, Codecs),
    outcomes: (Arc<str>, Codecs),
    dead_letters: Arc<str>,
}

impl Encoder {
    pub(crate) fn new(topics: &Topics, events: Codecs, outcomes: Codecs) -> Self {
        Self {
            events: (topics.events().into(), events),
            outcomes: (topics.outcomes().into(), outcomes),
            dead_letters: topics.dead_letters().into(),
        }
    }

    /// Appends the records of facts that were decided, unless one of the records is too large. An
    /// error appends nothing.
    pub(crate) fn append_fitting<E: Messages>(
        &self,
        facts: &Facts<E>,
        records: &mut Vec<Outgoing>,
    ) -> Result<(), Unwritable> {
        let begin = records.len();
        self.append(facts, records)?;
        if records[begin..].iter().all(fits) {
            return Ok(());
        }
        records.truncate(begin);
        Err(Unwritable::TooLarge)
    }

    /// Appends the records of facts: a dead letter, the events, the operation's outcome, that of
    /// the workflow, that of the cancel. An error appends nothing.
    pub(crate) fn append<E: Messages>(
        &self,
        facts: &Facts<E>,
        records: &mut Vec<Outgoing>,
    ) -> Result<(), avro::Error> {
        let begin = records.len();
        let appended = self.append_each(facts, records);
        if appended.is_err() {
            records.truncate(begin);
        }
        appended
    }

    fn append_each<E: Messages>(
        &self,
        facts: &Facts<E>,
        records: &mut Vec<Outgoing>,
    ) -> Result<(), avro::Error> {
        if let Some(letter) = &facts.letter {
            records.push(self.dead_letter(letter));
        }
        for event in &facts.events {
            records.push(self.event(facts.partition, event)?);
        }
        let outcomes = facts.outcome.iter().chain(&facts.concluded);
        for outcome in outcomes.chain(&facts.cancel) {
            records.push(self.outcome(facts.partition, outcome)?);
        }
        Ok(())
    }

    fn event<E: Messages>(
        &self,
        partition: i32,
        event: &Enveloped<E>,
    ) -> Result<Outgoing, avro::Error> {
        let (topic, codecs) = &self.events;
        let value = codecs.message(&event.value)?;
        Ok(outgoing(topic, partition, &event.envelope, value))
    }

    fn outcome(
        &self,
        partition: i32,
        outcome: &Enveloped<Outcome>,
    ) -> Result<Outgoing, avro::Error> {
        let (topic, codecs) = &self.outcomes;
        let value = codecs.value(outcome::SCHEMA.name, &outcome.value)?;
        Ok(outgoing(topic, partition, &outcome.envelope, value))
    }

    /// Builds the record of a dead letter: the command's own headers, followed by those of the
    /// cause.
    fn dead_letter(&self, letter: &DeadLetter) -> Outgoing {
        let record = &letter.record;
        let mut headers = record.headers.clone();
        let added = [
            (dead_letters::OPERATION, letter.operation.to_string()),
            (dead_letters::POSITION, record.place()),
            (dead_letters::CODE, letter.code.to_owned()),
            (dead_letters::REASON, letter.reason.clone()),
        ];
        headers.extend(added);
        if let Some(key) = &record.key {
            headers.push(dead_letters::KEY, key);
        }
        Outgoing {
            topic: Arc::clone(&self.dead_letters),
            partition: record.partition,
            key: record.place().into_bytes(),
            headers,
            time: letter.time,
            value: record.value.clone().unwrap_or_default(),
        }
    }
}

/// Builds the record of an envelope and a value, at the envelope's time.
fn outgoing(topic: &Arc<str>, partition: i32, envelope: &Envelope, value: Vec<u8>) -> Outgoing {
    let mut headers = Headers::with_capacity(20);
    envelope.write_headers(|name, value| headers.push(name, value.as_bytes()));
    Outgoing {
        topic: Arc::clone(topic),
        partition,
        key: envelope.subject.as_bytes().to_vec(),
        headers,
        time: envelope.time,
        value,
    }
}

fn fits(record: &Outgoing) -> bool {
    record.key.len() + record.headers.size() + record.value.len() <= MAX_RECORD_BYTES
}
