//! Sends commands from Rust, without an HTTP edge.
//!
//! A command that was sent is in the log; its outcome holds the result. A service that answers
//! requests needs more than this, because it has to distinguish a command that was certainly not
//! sent from one that may have been.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use factline::{Contract, Envelope, Messages, avro};
use factline_kafka::producer::append::{self, Append, Appender, headers};
use factline_kafka::records::registry::{self, SchemaIds};
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, records::framing};
use rdkafka::error::KafkaError;
use uuid::Uuid;

/// Reasons for which a command was not sent, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This application does not handle the aggregate type.
    #[error("aggregate {aggregate} is not part of this application")]
    NotHosted {
        /// The aggregate type.
        aggregate: &'static str,
    },
    /// The registry refuses the schemas.
    #[error("cannot register commands of {aggregate}")]
    Registry {
        /// The aggregate type.
        aggregate: &'static str,
        /// The cause.
        #[source]
        source: registry::Error,
    },
    /// The command is not part of the contract, or does not fit its schema.
    #[error("cannot encode {record}")]
    Encode {
        /// Full name of the command's record.
        record: &'static str,
        /// The cause.
        #[source]
        source: avro::Error,
    },
    /// The client's configuration is wrong.
    #[error("cannot create a Kafka producer")]
    Producer(#[from] KafkaError),
    /// The command is not in the log, or may not be: the source says which.
    #[error("command was not acknowledged")]
    Append(#[from] append::Failure),
}

/// Sends commands to one aggregate type. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    partitions: i32,
    topic: String,
    source: String,
    schemas: SchemaIds,
    appender: Arc<Appender>,
}

impl Sender {
    /// Registers the commands' schemas. `source` is the sender's `ce_source`, such as
    /// `/guest-book`.
    pub async fn new(
        kafka: &KafkaConfig,
        contract: &'static Contract,
        source: &str,
    ) -> Result<Self, Error> {
        let topic = kafka.topics(contract).commands().to_owned();
        let schemas = Registry::of(kafka)
            .register_all(&topic, contract.commands)
            .await
            .map_err(|source| Error::Registry {
                aggregate: contract.aggregate,
                source,
            })?;
        let appender = Arc::new(Appender::new(kafka.client_config(), ACKNOWLEDGED)?);
        Ok(Self {
            partitions: kafka.contract(contract).partitions,
            topic,
            source: source.to_owned(),
            schemas,
            appender,
        })
    }

    /// Sends a command to the aggregate of this id. Returns its operation once all in-sync replicas
    /// have it.
    pub async fn send(&self, aggregate_id: &str, command: &impl Messages) -> Result<Uuid, Error> {
        let record = command.record();
        let encode = |source| Error::Encode { record, source };
        let unknown = || avro::Error::UnknownRecord {
            record: record.to_owned(),
        };
        let (schema, codec) = self
            .schemas
            .get(record)
            .ok_or_else(unknown)
            .map_err(encode)?;
        let value = framing::write(schema, &command.encode(codec).map_err(encode)?);
        let operation = Uuid::now_v7();
        let envelope =
            Envelope::of_command(operation, record, &self.source, aggregate_id, Utc::now());
        let append = Append {
            topic: &self.topic,
            partition: partition_of(aggregate_id.as_bytes(), self.partitions),
            key: aggregate_id.as_bytes(),
            headers: headers(envelope.to_headers()),
            value: &value,
        };
        let pending = self.appender.enqueue_when_there_is_room(append).await?;
        self.appender.acknowledged(pending).await?;
        Ok(operation)
    }
}

/// Maximum time that a command may wait for its acknowledgement.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);
