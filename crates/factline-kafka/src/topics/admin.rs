//! Requests that create, describe and change topics: the client, its timeout, and the error.
//!
//! It is the common part of [`provision`](super::provision), [`diff`](super::diff) and
//! [`trim`](super::trim). Queries of a host's loop do not belong here, see
//! [`crate::client::broker_queries`].

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
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
