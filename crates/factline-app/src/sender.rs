//! Sending commands from Rust, past any HTTP edge.
//!
//! A command that was sent stands in the log; what becomes of it is said by its outcome. A service that answers requests
//! needs more than this, since it has to tell what was surely not sent from what may have been.

use std::time::Duration;

use chrono::Utc;
use factline::{Contract, Envelope, Messages, avro};
use factline_kafka::registry::{self, SchemaIds};
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, frame};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

/// Why a command was not sent, or perhaps not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody handles such commands here.
    #[error("aggregate {aggregate} is not part of this application")]
    NotHosted {
        /// The aggregate type.
        aggregate: &'static str,
    },
    /// The registry does not take the schemas.
    #[error("cannot register commands of {aggregate}")]
    Registry {
        /// The aggregate type.
        aggregate: &'static str,
        /// Why.
        #[source]
        source: registry::Error,
    },
    /// The command is none of the contract's, or does not fit its schema.
    #[error("cannot encode {record}")]
    Encode {
        /// Full name of the command's record.
        record: &'static str,
        /// Why.
        #[source]
        source: avro::Error,
    },
    /// Without an acknowledgement it may stand in the log or not.
    #[error("command was not acknowledged")]
    Kafka(#[from] KafkaError),
}

/// Sends commands to one aggregate type. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    contract: &'static Contract,
    topic: String,
    source: String,
    schemas: SchemaIds,
    producer: FutureProducer,
}

impl Sender {
    /// Registers the commands' schemas. `source` is what the sender calls itself in `ce_source`, such as `/guest-book`.
    pub async fn new(
        kafka: &KafkaConfig,
        contract: &'static Contract,
        source: &str,
    ) -> Result<Self, Error> {
        let topic = kafka.topics(contract).commands().to_owned();
        let schemas = Registry::new(&kafka.registry_url)
            .register_all(&topic, contract.commands)
            .await
            .map_err(|source| Error::Registry {
                aggregate: contract.aggregate,
                source,
            })?;
        let producer = kafka
            .client_config()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .create()?;
        Ok(Self {
            contract,
            topic,
            source: source.to_owned(),
            schemas,
            producer,
        })
    }

    /// Sends a command to the aggregate of this id; answers its operation once all replicas have it.
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
        let value = frame::write(schema, &command.encode(codec).map_err(encode)?);
        let operation = Uuid::now_v7();
        let envelope =
            Envelope::of_command(operation, record, &self.source, aggregate_id, Utc::now());
        let mut headers = OwnedHeaders::new();
        for (key, value) in &envelope.to_headers() {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let record = FutureRecord::to(&self.topic)
            .partition(partition_of(
                aggregate_id.as_bytes(),
                self.contract.partitions,
            ))
            .key(aggregate_id)
            .headers(headers)
            .payload(&value);
        let sent = self.producer.send(record, QUEUE).await;
        sent.map(|_| operation).map_err(|(error, _)| error.into())
    }
}

/// How long a full queue is waited for.
const QUEUE: Duration = Duration::from_secs(5);
