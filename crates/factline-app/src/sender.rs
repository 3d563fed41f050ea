//! Sending commands from Rust, past any HTTP edge.
//!
//! A command that was sent stands in the log; what becomes of it is said by its outcome. A service that answers requests
//! needs more than this, since it has to tell what was surely not sent from what may have been.

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
    /// The client's configuration is wrong.
    #[error("cannot make a kafka producer")]
    Producer(#[from] KafkaError),
    /// The command is not in the log, or may not be: the source says which.
    #[error("command was not acknowledged")]
    Append(#[from] append::Failure),
}

/// Sends commands to one aggregate type. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    contract: &'static Contract,
    topic: String,
    source: String,
    schemas: SchemaIds,
    appender: Arc<Appender>,
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
        let appender = Arc::new(Appender::new(kafka.client_config(), ACKNOWLEDGED)?);
        Ok(Self {
            contract,
            topic,
            source: source.to_owned(),
            schemas,
            appender,
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
        let value = framing::write(schema, &command.encode(codec).map_err(encode)?);
        let operation = Uuid::now_v7();
        let envelope =
            Envelope::of_command(operation, record, &self.source, aggregate_id, Utc::now());
        let append = Append {
            topic: &self.topic,
            partition: partition_of(aggregate_id.as_bytes(), self.contract.partitions),
            key: aggregate_id.as_bytes(),
            headers: headers(envelope.to_headers()),
            value: &value,
        };
        let pending = self.appender.enqueue_when_there_is_room(append).await?;
        self.appender.acknowledged(pending).await?;
        Ok(operation)
    }
}

/// How long a command may wait for its acknowledgement.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);
