//! Commands as the edge writes them.

use chrono::Utc;
use factline::cancel::{self, Cancel};
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
    cancels: SchemaIds,
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
        let cancels = registry.register_all(&topic, &[cancel::SCHEMA]).await;
        Self {
            schemas: schemas.unwrap(),
            cancels: cancels.unwrap(),
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
        self.append(producer, envelope, &self.encode(command)).await;
    }

    /// Appends a cancel to the partition of its envelope's subject.
    ///
    /// # Panics
    /// If Kafka does not acknowledge it.
    pub async fn cancel(&self, producer: &FutureProducer, envelope: &Envelope) {
        let (id, codec) = self.cancels.get(cancel::SCHEMA.name).unwrap();
        let value = framing::write(id, &codec.encode(&Cancel {}).unwrap());
        self.append(producer, envelope, &value).await;
    }

    async fn append(&self, producer: &FutureProducer, envelope: &Envelope, value: &[u8]) {
        let id = &envelope.subject;
        let partition = partition_of(id.as_bytes(), self.partitions);
        let headers = envelope.to_headers();
        try_append(producer, &self.topic, partition, id, &headers, value)
            .await
            .unwrap();
    }
}
