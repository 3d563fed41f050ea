//! What a decided command leads to on the wire: events, its outcome, a dead letter.

use factline::envelope::ANONYMOUS;
use factline::outcome::{self, OutcomeKind, State};
use factline::{Contract, Envelope, Messages, Outcome, Point, Position, Timestamp, avro, id};
use uuid::Uuid;

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::headers::Headers;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::{self, Registry, SchemaIds};
use factline_kafka::topics::Topics;
use factline_kafka::{records::framing, topics::identity};

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) headers: Headers,
    pub(crate) time: Timestamp,
    pub(crate) value: Vec<u8>,
}

/// A command as it is decided: a record of the log, or a deadline.
#[derive(Debug)]
pub(crate) struct Asked<'e> {
    pub(crate) partition: i32,
    /// Where its record stands; a deadline has none.
    pub(crate) place: Option<String>,
    pub(crate) envelope: &'e Envelope,
    pub(crate) kind: OutcomeKind,
}

/// Everything needed to write an aggregate's records.
#[derive(Debug, Clone)]
pub struct Wire {
    /// The aggregate's contract.
    pub contract: &'static Contract,
    /// Its topics.
    pub topics: Topics,
    /// The registry, to read what others wrote.
    pub registry: Registry,
    /// What its events and outcomes say that they come from.
    source: String,
    /// Identity of the events topic, for positions.
    identity: String,
    events: SchemaIds,
    outcomes: SchemaIds,
}

/// Why a handler cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A schema was refused, or the registry is away.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The events topic cannot be told from another of its name.
    #[error(transparent)]
    Identity(#[from] identity::Error),
}

impl WireError {
    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Identity(_) => true,
        }
    }
}

/// Events and outcomes say that they come from here.
pub(crate) fn source(aggregate: &str) -> String {
    format!("/command-handlers/{aggregate}")
}

impl Wire {
    /// Registers the schemas that the handler writes and reads, and looks up the events topic.
    pub async fn connect(
        kafka: &KafkaConfig,
        contract: &'static Contract,
    ) -> Result<Self, WireError> {
        let topics = kafka.topics(contract);
        let registry = Registry::new(&kafka.registry_url);
        registry
            .register_all(topics.commands(), contract.commands)
            .await?;
        let events = registry
            .register_all(topics.events(), contract.events)
            .await?;
        let outcomes = registry
            .register_all(topics.outcomes(), &[outcome::SCHEMA])
            .await?;
        let (config, topic) = (kafka.clone(), topics.events().to_owned());
        let identity =
            tokio::task::spawn_blocking(move || identity::topic_identity(&config, &topic)).await;
        let identity = identity.unwrap_or_else(|_| {
            let (topic, reason) = (
                topics.events().to_owned(),
                "the look-up was cancelled".to_owned(),
            );
            Err(identity::Error::Refused {
                topic,
                reason,
                unknown_topic: false,
            })
        })?;
        Ok(Self {
            contract,
            topics,
            source: source(contract.aggregate),
            registry,
            identity,
            events,
            outcomes,
        })
    }

    /// Identity of the events topic.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The envelope of an event, as the next of its aggregate and partition.
    pub(crate) fn event_envelope(
        &self,
        asked: &Asked<'_>,
        record: &str,
        version: u64,
        sequence: u64,
        now: Timestamp,
    ) -> Envelope {
        let envelope = asked.envelope;
        Envelope {
            id: id::event(self.contract.aggregate, &envelope.subject, version),
            record: record.to_owned(),
            source: self.source.clone(),
            time: now,
            sequence: Some(version),
            partition_sequence: Some(sequence),
            causation: envelope.id,
            time_to_live_ms: None,
            expected_version: None,
            command_position: asked.place.clone(),
            ..envelope.clone()
        }
    }

    /// An event under its envelope.
    pub(crate) fn event<E: Messages>(
        &self,
        asked: &Asked<'_>,
        envelope: &Envelope,
        event: &E,
        now: Timestamp,
    ) -> Result<Outgoing, avro::Error> {
        let (schema, codec) = known(&self.events, event.record())?;
        Ok(Outgoing {
            topic: self.topics.events().to_owned(),
            partition: asked.partition,
            key: envelope.subject.as_bytes().to_vec(),
            headers: headers(envelope),
            time: now,
            value: framing::put_before(schema, event.encode(codec)?),
        })
    }

    /// The record that tells what became of an operation.
    pub(crate) fn outcome(
        &self,
        asked: &Asked<'_>,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Outgoing, avro::Error> {
        let (schema, codec) = known(&self.outcomes, outcome::SCHEMA.name)?;
        let command = asked.envelope;
        let envelope = Envelope {
            id: id::outcome(outcome.operation_id, outcome.state.as_str()),
            record: outcome::SCHEMA.name.to_owned(),
            source: self.source.clone(),
            time: now,
            sequence: None,
            partition_sequence: None,
            opens: None,
            concludes: None,
            causation: command.id,
            time_to_live_ms: None,
            expected_version: None,
            command_position: asked.place.clone(),
            ..command.clone()
        };
        Ok(Outgoing {
            topic: self.topics.outcomes().to_owned(),
            partition: asked.partition,
            key: envelope.subject.as_bytes().to_vec(),
            headers: headers(&envelope),
            time: now,
            value: framing::put_before(schema, codec.encode(outcome)?),
        })
    }

    /// The outcome of a command that says nothing of itself: its subject is the place of its record.
    pub(crate) fn outcome_of_unreadable(
        &self,
        record: &Record,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Outgoing, avro::Error> {
        let place = record.place();
        let (operation, source) = (outcome.operation_id, &self.source);
        let envelope = Envelope::of_command(operation, &outcome.name, source, &place, now);
        let asked = Asked {
            partition: record.partition,
            place: Some(place.clone()),
            envelope: &envelope,
            kind: OutcomeKind::Command,
        };
        self.outcome(&asked, outcome, now)
    }

    /// The command as it came, with the cause: its own headers, and ours behind them.
    pub(crate) fn dead_letter(
        &self,
        record: &Record,
        operation: Uuid,
        code: &str,
        reason: &str,
        now: Timestamp,
    ) -> Outgoing {
        let mut headers = record.headers.clone();
        let ours = [
            ("deadletter_operation", operation.to_string()),
            ("deadletter_position", record.place()),
            ("deadletter_code", code.to_owned()),
            ("deadletter_reason", reason.to_owned()),
        ];
        headers.extend(ours);
        if let Some(key) = &record.key {
            headers.push("deadletter_key", key);
        }
        Outgoing {
            topic: self.topics.dead_letters().to_owned(),
            partition: record.partition,
            key: record.place().into_bytes(),
            headers,
            time: now,
            value: record.value.clone().unwrap_or_default(),
        }
    }

    /// The position of an event of a partition.
    pub(crate) fn position(&self, partition: i32, sequence: u64) -> Position {
        let (topic, identity) = (self.topics.events().to_owned(), self.identity.clone());
        Position::at(Point {
            topic,
            identity,
            partition,
            sequence,
        })
    }
}

/// The outcome of a command as far as its envelope fills it.
pub(crate) fn outcome_of(asked: &Asked<'_>, state: State, now: Timestamp) -> Outcome {
    let envelope = asked.envelope;
    let above = envelope.parent_operation.or(envelope.root_operation);
    let mut outcome = Outcome::of_command(envelope.operation, &envelope.record, state, now);
    outcome.kind = asked.kind;
    outcome.resource = Some(envelope.subject.clone());
    outcome.actor.clone_from(&envelope.actor);
    outcome.parent = above.filter(|above| *above != envelope.operation);
    outcome.retry_of = envelope.retry_of;
    outcome.created_at = envelope.origin_time.timestamp_micros();
    outcome
}

/// The outcome of a command that says nothing of itself.
pub(crate) fn unreadable_outcome(record: &Record, now: Timestamp) -> Outcome {
    Outcome {
        actor: ANONYMOUS.to_owned(),
        created_at: record.timestamp.timestamp_micros(),
        ..Outcome::of_command(record.operation(), "unknown", State::Failed, now)
    }
}

fn headers(envelope: &Envelope) -> Headers {
    let mut headers = Headers::with_capacity(20);
    envelope.write_headers(|name, value| headers.push(name, value.as_bytes()));
    headers
}

fn known<'i>(ids: &'i SchemaIds, record: &str) -> Result<(i32, &'i avro::Codec), avro::Error> {
    match ids.get(record) {
        Some((id, codec)) => Ok((id, codec.as_ref())),
        None => Err(avro::Error::UnknownRecord {
            record: record.to_owned(),
        }),
    }
}
