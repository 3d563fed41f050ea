//! Appending commands to the topics of any aggregate.

use std::collections::HashMap;
use std::time::Duration;

use factline::{Contract, Emit, Envelope};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};

use crate::config::KafkaConfig;
use crate::frame;
use crate::reaction::{Failure, Unavailable};
use crate::registry::{self, Registry, SchemaIds};
use crate::topics::{Topics, partition_of};

/// How long a command may wait for its acknowledgement before the batch is tried again.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long there may be no room for a command before the batch is tried again.
const FULL: Duration = Duration::from_millis(5);

/// Sends commands for one policy.
pub(super) struct Sender {
    kafka: KafkaConfig,
    policy: &'static str,
    registry: Registry,
    producer: FutureProducer,
    targets: HashMap<&'static str, Target>,
}

/// An aggregate type that commands are sent to.
struct Target {
    topics: Topics,
    schemas: SchemaIds,
}

/// A command, ready to be sent.
pub(super) struct Command {
    /// Place of its fact in the batch.
    fact: usize,
    aggregate: &'static str,
    topic: String,
    partition: i32,
    key: String,
    headers: OwnedHeaders,
    value: Vec<u8>,
}

/// The policy does not say that it asks there.
#[derive(Debug, thiserror::Error)]
#[error("{0} is none of its targets")]
struct NoTarget(&'static str);

/// The contract has no such command.
#[derive(Debug, thiserror::Error)]
#[error("{record} is no command of {aggregate}")]
struct NoCommand {
    record: &'static str,
    aggregate: &'static str,
}

impl Command {
    pub(super) fn new(
        sender: &Sender,
        fact: usize,
        envelope: &Envelope,
        emit: &Emit,
    ) -> Result<Self, Failure> {
        let contract = emit.contract();
        let (aggregate, record) = (contract.aggregate, emit.record());
        let target = sender.targets.get(aggregate);
        let target = target.ok_or_else(|| poison(fact, NoTarget(aggregate)))?;
        let (id, codec) = target
            .schemas
            .get(record)
            .ok_or(NoCommand { record, aggregate })
            .map_err(|error| poison(fact, error))?;
        let datum = emit.encode(codec).map_err(|error| poison(fact, error))?;
        let headers = envelope.to_headers();
        let headers = headers.iter().fold(
            OwnedHeaders::new_with_capacity(headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        Ok(Self {
            fact,
            aggregate,
            topic: target.topics.commands().to_owned(),
            partition: partition_of(emit.id().as_bytes(), contract.partitions),
            key: emit.id().to_owned(),
            headers,
            value: frame::write(id, &datum),
        })
    }
}

impl Sender {
    pub(super) fn new(kafka: &KafkaConfig, policy: &'static str) -> Result<Self, KafkaError> {
        Ok(Self {
            kafka: kafka.clone(),
            policy,
            registry: Registry::new(&kafka.registry_url),
            producer: producer(kafka)?,
            targets: HashMap::new(),
        })
    }

    /// The schemas of everything that an aggregate type takes.
    pub(super) async fn learn(&self, contract: &Contract) -> Result<SchemaIds, registry::Error> {
        let topics = self.kafka.topics(contract);
        self.registry
            .register_all(topics.commands(), contract.commands)
            .await
    }

    /// Writes to an aggregate type from now on.
    pub(super) fn take(&mut self, contract: &Contract, schemas: SchemaIds) {
        let topics = self.kafka.topics(contract);
        let target = Target { topics, schemas };
        self.targets.insert(contract.aggregate, target);
    }

    /// Sends all, and waits for every acknowledgement.
    pub(super) async fn send(&mut self, commands: &[Command]) -> Result<(), Failure> {
        let mut failed = self.try_send(commands.iter()).await;
        // The broker judges what was sent together as one: alone, each is judged for itself.
        let too_large: Vec<&Command> = failed
            .iter()
            .filter(|(_, error)| is_too_large(error))
            .map(|(command, _)| *command)
            .collect();
        if !too_large.is_empty() {
            failed.retain(|(_, error)| !is_too_large(error));
            for command in too_large {
                failed.extend(self.try_send([command].into_iter()).await);
            }
        }
        if let Some((_, error)) = self.producer.client().fatal_error() {
            tracing::warn!(policy = self.policy, error, "producer is made anew");
            self.producer = producer(&self.kafka).map_err(Unavailable::new)?;
        }
        if let Some((command, error)) = failed.iter().find(|(_, error)| is_too_large(error)) {
            return Err(poison(command.fact, error.clone()));
        }
        if let Some((_, error)) = failed.into_iter().next() {
            return Err(Unavailable::new(error).into());
        }
        for command in commands {
            metrics::counter!("factline_policy_commands_total", "policy" => self.policy, "aggregate" => command.aggregate)
                .increment(1);
        }
        Ok(())
    }

    /// Sends some, and answers those that were not acknowledged. The first that cannot even be sent ends it: what comes
    /// behind may be of the same partition, which must not go on past it. (A broker that takes less than we do says so
    /// only when others are sent as well; they are the same commands when their turn comes.)
    async fn try_send<'c>(
        &self,
        commands: impl Iterator<Item = &'c Command>,
    ) -> Vec<(&'c Command, KafkaError)> {
        let (mut sent, mut failed) = (Vec::new(), Vec::new());
        for command in commands {
            match self.enqueue(command).await {
                Ok(acknowledgement) => sent.push((command, acknowledgement)),
                Err(error) => {
                    failed.push((command, error));
                    break;
                }
            }
        }
        for (command, acknowledgement) in sent {
            match acknowledgement.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => failed.push((command, error)),
                Err(_) => failed.push((command, KafkaError::Canceled)),
            }
        }
        failed
    }

    async fn enqueue(&self, command: &Command) -> Result<DeliveryFuture, KafkaError> {
        let mut record = FutureRecord::to(&command.topic)
            .partition(command.partition)
            .key(&command.key)
            .payload(&command.value)
            .headers(command.headers.clone());
        loop {
            match self.producer.send_result(record) {
                Ok(acknowledgement) => return Ok(acknowledgement),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    tokio::time::sleep(FULL).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

/// Acknowledged by all replicas, in order and without doubles within its life; never transactional, so that nobody's
/// open transaction holds a handler back.
fn producer(kafka: &KafkaConfig) -> Result<FutureProducer, KafkaError> {
    kafka
        .client_config()
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", ACKNOWLEDGED.as_millis().to_string())
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
        .set("allow.auto.create.topics", "false")
        .create()
}

fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

fn poison(fact: usize, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Poison {
        fact,
        cause: cause.into(),
    }
}
