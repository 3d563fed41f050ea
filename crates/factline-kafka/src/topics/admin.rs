//! Requests that create, describe and change topics: the client, its timeout, and the error.
//!
//! It is the common part of [`provision`](super::provision), [`diff`](super::diff) and
//! [`trim`](super::trim). Queries of a host's loop do not belong here, see
//! [`crate::client::broker_queries`].

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, KafkaResult};

use crate::client::config::KafkaConfig;

/// Maximum wait for the brokers' answer to one request.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A request about topics or a group's offsets failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct RequestError {
    /// The request, such as `describe topic catalog.product.events`.
    pub what: String,
    /// Kafka's error.
    pub source: KafkaError,
}

impl RequestError {
    /// Creates the error of a request, which is named by a verb and its object.
    pub fn new(what: impl Into<String>, source: KafkaError) -> Self {
        Self {
            what: what.into(),
            source,
        }
    }
}

/// Creates a client for requests about topics.
pub(crate) fn client(config: &KafkaConfig) -> KafkaResult<AdminClient<DefaultClientContext>> {
    config.client_config().create()
}

/// Returns the options of a request: it waits until the brokers have carried it out.
pub(crate) fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(TIMEOUT))
        .request_timeout(Some(TIMEOUT))
}

/// The value and the origin of each configuration of a topic, by name.
pub(crate) type Configs = BTreeMap<String, (String, ConfigSource)>;

/// Reads the configuration of a topic.
pub(crate) async fn topic_configs(
    config: &KafkaConfig,
    topic: &str,
) -> Result<Configs, RequestError> {
    let mut configs = configs_of(config, &[topic]).await?;
    Ok(configs.pop().unwrap_or_default())
}

/// Reads the configurations of topics with one request. The answer has their order.
pub(crate) async fn configs_of(
    config: &KafkaConfig,
    topics: &[&str],
) -> Result<Vec<Configs>, RequestError> {
    let failed =
        |topics: &str, source| RequestError::new(format!("describe topic {topics}"), source);
    let all = |source| failed(&topics.join(", "), source);
    let admin = client(config).map_err(all)?;
    let resources = topics.iter().map(|topic| ResourceSpecifier::Topic(topic));
    let resources: Vec<ResourceSpecifier<'_>> = resources.collect();
    let described = admin.describe_configs(&resources, &options()).await;
    let described = described.map_err(all)?.into_iter().zip(topics);
    let configs = described.map(|(resource, topic)| {
        let resource = resource.map_err(|code| failed(topic, KafkaError::AdminOp(code)))?;
        let entries = resource.entries.into_iter();
        let value = |value: Option<String>| value.unwrap_or_default();
        Ok(entries
            .map(|entry| (entry.name, (value(entry.value), entry.source)))
            .collect())
    });
    configs.collect()
}
