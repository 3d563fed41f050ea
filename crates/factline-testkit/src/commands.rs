//! Commands as the edge writes them.

use chrono::Utc;
use factline::{Contract, Envelope, Messages};
use factline_kafka::records::framing;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry};
use rdkafka::producer::FutureProducer;
use uuid::Uuid;

use crate::fixture::try_append;

/// Commands topic of an aggregate type, with its registered schemas.
pub struct CommandTopic {
    topic: String,
    partitions: i32,
    schemas: SchemaIds,
}

/// Returns the envelope of a command that is sent now.
pub fn envelope<C: Messages>(operation: Uuid, command: &C, id: &str) -> Envelope {
    Envelope::of_command(operation, command.record(), "/test", id, Utc::now())
}

impl CommandTopic {
    /// Registers the schemas of an aggregate's commands.
    ///
    /// # Panics
    /// If the registry refuses one.
    pub async fn register(kafka: &KafkaConfig, contract: &Contract) -> Self {
        let topic = kafka.topics(contract).commands().to_owned();
        let registry = Registry::new(&kafka.registry_url);
        let schemas = registry.register_all(&topic, contract.commands).await;
        Self {
            schemas: schemas.unwrap(),
            partitions: kafka.contract(contract).partitions,
            topic,
        }
    }

    /// Encodes a command as the value of a record.
    ///
    /// # Panics
    /// If the aggregate has no such command, or its schema cannot encode it.
    pub fn encode<C: Messages>(&self, command: &C) -> Vec<u8> {
        let (id, codec) = self.schemas.get(command.record()).unwrap();
        framing::write(id, &command.encode(codec).unwrap())
    }

    /// Appends a command to the partition of its envelope's subject.
    ///
    /// # Panics
    /// If Kafka does not acknowledge it.
    pub async fn send<C: Messages>(
        &self,
        producer: &FutureProducer,
        envelope: &Envelope,
        command: &C,
    ) {
        let id = &envelope.subject;
        let partition = partition_of(id.as_bytes(), self.partitions);
        let (headers, value) = (envelope.to_headers(), self.encode(command));
        try_append(producer, &self.topic, partition, id, &headers, &value)
            .await
            .unwrap();
    }
}
