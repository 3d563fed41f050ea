//! Identity of a topic beyond its name: Kafka gives each topic an id when it is created.
//!
//! A topic that was deleted and recreated has another id. Positions and checkpoints contain the id,
//! so that no reader mistakes new sequences for old ones.

use std::ffi::{CString, NulError};
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::client::config::KafkaConfig;
use crate::client::ffi;

/// Reason why a topic's identity is unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client could be created.
    #[error("cannot create kafka client")]
    Client(#[from] KafkaError),
    /// The name is invalid for a topic.
    #[error("topic name contains a zero byte")]
    Name(#[from] NulError),
    /// The brokers did not answer in time, or refused.
    #[error("cannot describe topic {topic}: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// librdkafka's message.
        reason: String,
        /// `true` if the cluster reports that the topic does not exist.
        unknown_topic: bool,
    },
}

/// Hex digits of the id that positions contain: enough to detect a recreated topic, short enough
/// for a header.
const DIGITS: usize = 8;

/// Returns the first eight hex digits of the topic's id, queried by a separate client. Blocks for
/// up to ten seconds.
pub fn topic_identity(config: &KafkaConfig, topic: &str) -> Result<String, Error> {
    let client: BaseProducer = config.client_config().create()?;
    identity(client.client(), topic)
}

/// Returns the identities of topics, in their order, queried by one client. Blocks for up to ten
/// seconds for each.
pub fn topic_identities(config: &KafkaConfig, topics: &[&str]) -> Result<Vec<String>, Error> {
    let client: BaseProducer = config.client_config().create()?;
    let topics = topics.iter();
    topics
        .map(|topic| identity(client.client(), topic))
        .collect()
}

/// Returns the same, queried by an existing client.
pub fn identity<C: ClientContext>(client: &Client<C>, topic: &str) -> Result<String, Error> {
    let name = CString::new(topic)?;
    let described = ffi::topic_id(client, &name, TIMEOUT);
    let high = described.map_err(|refusal| Error::Refused {
        topic: topic.to_owned(),
        reason: refusal.reason,
        unknown_topic: refusal.unknown_topic,
    })?;
    Ok(format!("{high:016x}")[..DIGITS].to_owned())
}

const TIMEOUT: Duration = Duration::from_secs(10);
