//! What a decided command leads to on the wire: events, its outcome, a dead letter.

use factline::envelope::ANONYMOUS;
use factline::outcome::{self, State};
use factline::{Contract, Envelope, Messages, Outcome, Point, Position, Timestamp, avro, id};
use uuid::Uuid;

use crate::config::KafkaConfig;
use crate::record::Record;
use crate::registry::{self, Registry, SchemaIds};
use crate::topics::Topics;
use crate::{frame, identity};

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) key: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) time: Timestamp,
    pub(super) value: Vec<u8>,
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
fn source(aggregate: &str) -> String {
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
            registry,
            identity,
            events,
            outcomes,
        })
    }

    /// An event as the next of its aggregate and partition, with its new envelope.
    pub(super) fn event<E: Messages>(
        &self,
        command: (&Record, &Envelope),
        event: &E,
        version: u64,
        sequence: u64,
        now: Timestamp,
    ) -> Result<Outgoing, avro::Error> {
        let (record, envelope) = command;
        let (schema, codec) = known(&self.events, event.record())?;
        let envelope = Envelope {
            id: id::event(self.contract.aggregate, &envelope.subject, version),
            record: event.record().to_owned(),
            source: source(self.contract.aggregate),
            time: now,
            sequence: Some(version),
            partition_sequence: Some(sequence),
            causation: envelope.id,
            time_to_live_ms: None,
            expected_version: None,
            command_position: Some(record.place()),
            ..envelope.clone()
        };
        Ok(Outgoing {
            topic: self.topics.events().to_owned(),
            partition: record.partition,
            key: envelope.subject.as_bytes().to_vec(),
            headers: headers(&envelope),
            time: now,
            value: frame::write(schema, &event.encode(codec)?),
        })
    }

    /// The record that ends an operation. `envelope` is the command's, if it could be read.
    pub(super) fn outcome(
        &self,
        command: (&Record, Option<&Envelope>),
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Outgoing, avro::Error> {
        let (record, envelope) = command;
        let (schema, codec) = known(&self.outcomes, outcome::SCHEMA.name)?;
        let subject = outcome.resource.clone().unwrap_or_else(|| record.place());
        let command = envelope.cloned().unwrap_or_else(|| {
            let source = source(self.contract.aggregate);
            Envelope::of_command(outcome.operation_id, &outcome.name, &source, &subject, now)
        });
        let envelope = Envelope {
            id: id::outcome(outcome.operation_id, outcome.state.as_str()),
            record: outcome::SCHEMA.name.to_owned(),
            source: source(self.contract.aggregate),
            subject,
            time: now,
            causation: command.id,
            time_to_live_ms: None,
            expected_version: None,
            command_position: Some(record.place()),
            ..command
        };
        Ok(Outgoing {
            topic: self.topics.outcomes().to_owned(),
            partition: record.partition,
            key: envelope.subject.as_bytes().to_vec(),
            headers: headers(&envelope),
            time: now,
            value: frame::write(schema, &codec.encode(outcome)?),
        })
    }

    /// The command as it came, with the cause: its own headers, and ours behind them.
    pub(super) fn dead_letter(
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
        headers.extend(ours.map(|(name, value)| (name.to_owned(), value.into_bytes())));
        if let Some(key) = &record.key {
            headers.push(("deadletter_key".to_owned(), key.clone()));
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
    pub(super) fn position(&self, partition: i32, sequence: u64) -> Position {
        let (topic, identity) = (self.topics.events().to_owned(), self.identity.clone());
        Position::at(Point {
            topic,
            identity,
            partition,
            sequence,
        })
    }
}

/// An outcome as far as the command's envelope fills it.
pub(super) fn outcome_of(
    record: &Record,
    envelope: Option<&Envelope>,
    state: State,
    now: Timestamp,
) -> Outcome {
    let outcome = Outcome::of_command(record.operation(), "unknown", state, now);
    let Some(envelope) = envelope else {
        return Outcome {
            actor: ANONYMOUS.to_owned(),
            created_at: record.timestamp.timestamp_micros(),
            ..outcome
        };
    };
    Outcome {
        name: envelope.record.clone(),
        resource: Some(envelope.subject.clone()),
        actor: envelope.actor.clone(),
        parent: envelope
            .root_operation
            .filter(|root| *root != envelope.operation),
        retry_of: envelope.retry_of,
        created_at: envelope.origin_time.timestamp_micros(),
        ..outcome
    }
}

fn headers(envelope: &Envelope) -> Vec<(String, Vec<u8>)> {
    let headers = envelope.to_headers().into_iter();
    headers
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect()
}

fn known<'i>(ids: &'i SchemaIds, record: &str) -> Result<(i32, &'i avro::Codec), avro::Error> {
    match ids.get(record) {
        Some((id, codec)) => Ok((id, codec.as_ref())),
        None => Err(avro::Error::UnknownRecord {
            record: record.to_owned(),
        }),
    }
}
