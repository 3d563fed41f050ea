//! Appends commands to the topics of any aggregate.

use std::collections::HashMap;
use std::time::Duration;

use factline::{Contract, Emit, Envelope};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;

use crate::subscription::{Failure, Unavailable};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::producer::append::{self, Append, Appender, Pending, headers};
use factline_kafka::records::framing;
use factline_kafka::records::registry::{self, Registry, SchemaIds};
use factline_kafka::topics::{Topics, partition_of};

/// Maximum wait for the acknowledgement of a command. After it, the batch is retried.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Sends commands for one policy.
pub(crate) struct Sender {
    kafka: KafkaConfig,
    policy: &'static str,
    registry: Registry,
    appender: Appender,
    targets: HashMap<&'static str, Target>,
}

/// Aggregate type to which the policy sends commands.
struct Target {
    topics: Topics,
    /// Number of partitions in this installation.
    partitions: i32,
    schemas: SchemaIds,
}

/// Encoded command that is ready to be sent.
pub(crate) struct Command {
    /// Index of the causing fact in the batch.
    fact: usize,
    aggregate: &'static str,
    topic: String,
    partition: i32,
    key: String,
    headers: OwnedHeaders,
    value: Vec<u8>,
}

/// The policy emitted a command for an aggregate type that is not in its `TARGETS`.
#[derive(Debug, thiserror::Error)]
#[error("{record}: {aggregate} is not a target of the policy: add its contract to TARGETS")]
struct NoTarget {
    record: String,
    aggregate: &'static str,
}

/// The contract does not contain the emitted command.
#[derive(Debug, thiserror::Error)]
#[error("{record} is not a command of {aggregate}")]
struct NoCommand {
    record: String,
    aggregate: &'static str,
}

impl Command {
    pub(crate) fn new(
        sender: &Sender,
        fact: usize,
        envelope: &Envelope,
        emit: &Emit,
    ) -> Result<Self, Failure> {
        let contract = emit.contract();
        let (aggregate, record) = (contract.aggregate, emit.record().to_owned());
        let Some(target) = sender.targets.get(aggregate) else {
            return Err(poison(fact, NoTarget { record, aggregate }));
        };
        let Some((id, codec)) = target.schemas.get(&record) else {
            return Err(poison(fact, NoCommand { record, aggregate }));
        };
        let datum = emit.encode(codec).map_err(|error| poison(fact, error))?;
        Ok(Self {
            fact,
            aggregate,
            topic: target.topics.commands().to_owned(),
            partition: partition_of(emit.id().as_bytes(), target.partitions),
            key: emit.id().to_owned(),
            headers: headers(envelope.to_headers()),
            value: framing::write(id, &datum),
        })
    }
}

impl Sender {
    pub(crate) fn new(kafka: &KafkaConfig, policy: &'static str) -> Result<Self, KafkaError> {
        Ok(Self {
            kafka: kafka.clone(),
            policy,
            registry: Registry::of(kafka),
            appender: Appender::new(client(kafka), ACKNOWLEDGED)?,
            targets: HashMap::new(),
        })
    }

    /// Registers the command schemas of an aggregate type and returns their ids.
    pub(crate) async fn register_schemas(
        &self,
        contract: &Contract,
    ) -> Result<SchemaIds, registry::Error> {
        let topics = self.kafka.topics(contract);
        self.registry
            .register_all(topics.commands(), contract.commands)
            .await
    }

    /// Adds an aggregate type as a target.
    pub(crate) fn add_target(&mut self, contract: &Contract, schemas: SchemaIds) {
        let topics = self.kafka.topics(contract);
        let target = Target {
            topics,
            partitions: self.kafka.contract(contract).partitions,
            schemas,
        };
        self.targets.insert(contract.aggregate, target);
    }

    /// Sends all commands and waits for every acknowledgement.
    pub(crate) async fn send(&mut self, commands: &[Command]) -> Result<(), Failure> {
        let mut failed = self.try_send(commands.iter()).await;
        // The broker accepts or rejects a producer batch as a whole. Each command is sent again
        // alone, so that only the one that is too large fails.
        let too_large: Vec<&Command> = failed
            .iter()
            .filter(|(_, failure)| failure.is_too_large())
            .map(|(command, _)| *command)
            .collect();
        if !too_large.is_empty() {
            failed.retain(|(_, failure)| !failure.is_too_large());
            for command in too_large {
                failed.extend(self.try_send([command].into_iter()).await);
            }
        }
        if let Some((command, failure)) = failed.iter().find(|(_, failure)| failure.is_too_large())
        {
            return Err(poison(command.fact, failure.kafka().clone()));
        }
        if let Some((_, failure)) = failed.into_iter().next() {
            return Err(Unavailable::new(failure).into());
        }
        for command in commands {
            metrics::counter!("factline_policy_commands_total", "policy" => self.policy, "aggregate" => command.aggregate)
                .increment(1);
        }
        Ok(())
    }

    /// Sends commands and returns those that were not acknowledged.
    ///
    /// Stops at the first command that cannot be enqueued: a later command may be of the same
    /// partition, and it must not overtake that one. (A broker whose size limit is lower than the
    /// client's rejects a command only after others were sent. A retry sends the same commands
    /// again.)
    async fn try_send<'c>(
        &self,
        commands: impl Iterator<Item = &'c Command>,
    ) -> Vec<(&'c Command, append::Failure)> {
        let (mut sent, mut failed) = (Vec::new(), Vec::new());
        for command in commands {
            match self.enqueue(command).await {
                Ok(pending) => sent.push((command, pending)),
                Err(failure) => {
                    failed.push((command, failure));
                    break;
                }
            }
        }
        for (command, pending) in sent {
            if let Err(failure) = self.appender.acknowledged(pending).await {
                failed.push((command, failure));
            }
        }
        failed
    }

    async fn enqueue(&self, command: &Command) -> Result<Pending, append::Failure> {
        let append = Append {
            topic: &command.topic,
            partition: command.partition,
            key: command.key.as_bytes(),
            headers: command.headers.clone(),
            value: &command.value,
        };
        self.appender.enqueue_when_there_is_room(append).await
    }
}

fn client(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = kafka.client_config();
    client.set("compression.type", "lz4");
    client
}

fn poison(fact: usize, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Poison {
        fact,
        cause: cause.into(),
    }
}
