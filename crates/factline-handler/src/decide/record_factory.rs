//! The names, schemas and codecs of an aggregate's records.

use factline::{Contract, cancel, outcome};

use crate::decide::codecs::Codecs;
use crate::decide::encode::Encoder;
use crate::decide::origin::Origin;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::registry::{self, Registry};
use factline_kafka::topics::{Topics, identity};

/// Factory of an aggregate's records.
#[derive(Debug, Clone)]
pub struct RecordFactory {
    /// The aggregate's contract.
    pub contract: &'static Contract,
    /// Topics of the aggregate.
    pub topics: Topics,
    /// The registry, to read records of other applications.
    pub registry: Registry,
    pub(crate) origin: Origin,
    pub(crate) encoder: Encoder,
}

/// Reason why a handler cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RecordFactoryError {
    /// A schema was refused, or the registry is unavailable.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The identity of the events topic is unknown.
    #[error(transparent)]
    Identity(#[from] identity::Error),
}

impl RecordFactoryError {
    /// Returns whether a retry can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Identity(_) => true,
        }
    }
}

/// Looks up the identity of the events topic.
async fn identity_of(kafka: &KafkaConfig, topics: &Topics) -> Result<String, identity::Error> {
    let (config, topic) = (kafka.clone(), topics.events().to_owned());
    let identity =
        tokio::task::spawn_blocking(move || identity::topic_identity(&config, &topic)).await;
    identity.unwrap_or_else(|_| {
        let (topic, reason) = (
            topics.events().to_owned(),
            "lookup was cancelled".to_owned(),
        );
        Err(identity::Error::Refused {
            topic,
            reason,
            unknown_topic: false,
        })
    })
}

impl RecordFactory {
    /// Registers the schemas that the handler writes and reads, and looks up the events topic.
    pub async fn connect(
        kafka: &KafkaConfig,
        contract: &'static Contract,
    ) -> Result<Self, RecordFactoryError> {
        let topics = kafka.topics(contract);
        let registry = Registry::of(kafka);
        registry
            .register_all(topics.commands(), contract.commands)
            .await?;
        registry
            .register_all(topics.commands(), &[cancel::SCHEMA])
            .await?;
        let events = registry
            .register_all(topics.events(), contract.events)
            .await?;
        let outcomes = registry
            .register_all(topics.outcomes(), &[outcome::SCHEMA])
            .await?;
        let identity = identity_of(kafka, &topics).await?;
        let events = Codecs::registered(contract.events, &events);
        let outcomes = Codecs::registered(&[outcome::SCHEMA], &outcomes);
        let encoder = Encoder::new(&topics, events, outcomes);
        let mut factory = Self::new(contract, topics, registry, identity, encoder);
        factory.origin.partitions = kafka.contract(contract).partitions;
        Ok(factory)
    }

    /// Looks up the events topic. The factory has no codecs to write with, and the registry is not
    /// changed.
    pub(crate) async fn for_reading(
        kafka: &KafkaConfig,
        contract: &'static Contract,
    ) -> Result<Self, RecordFactoryError> {
        let topics = kafka.topics(contract);
        let identity = identity_of(kafka, &topics).await?;
        let encoder = Encoder::new(&topics, Codecs::none(), Codecs::none());
        let registry = Registry::of(kafka);
        let mut factory = Self::new(contract, topics, registry, identity, encoder);
        factory.origin.partitions = kafka.contract(contract).partitions;
        Ok(factory)
    }

    fn new(
        contract: &'static Contract,
        topics: Topics,
        registry: Registry,
        identity: String,
        encoder: Encoder,
    ) -> Self {
        Self {
            contract,
            registry,
            origin: Origin::new(contract, &topics, identity),
            topics,
            encoder,
        }
    }

    /// Creates a factory whose codecs do not come from a registry: the contract's schemas have
    /// invented ids.
    #[cfg(test)]
    pub(crate) fn in_memory(contract: &'static Contract) -> Self {
        let topics = Topics::new("", contract.aggregate);
        let events = Codecs::in_memory(100, contract.events);
        let outcomes = Codecs::in_memory(200, &[outcome::SCHEMA]);
        let encoder = Encoder::new(&topics, events, outcomes);
        let registry = Registry::new("http://registry.invalid");
        Self::new(contract, topics, registry, "0a1b2c3d".to_owned(), encoder)
    }

    /// Returns the identity of the events topic.
    pub(crate) fn identity(&self) -> &str {
        self.origin.identity()
    }
}
