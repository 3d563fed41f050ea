//! The servers that a command needs, checked before it begins.

use anyhow::{Result, anyhow};
use factline_kafka::KafkaConfig;
use factline_kafka::tools::servers::{check_brokers, check_http};

use crate::progress::during;

/// A server that a command needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Server {
    /// The brokers.
    Kafka,
    /// The schema registry.
    Registry,
    /// The store at this URL, as clients use it.
    Store(String),
}

/// Checks that all of these servers answer. The error names the first one that does not, its
/// address and the option that sets the address.
pub(crate) async fn check(servers: &[Server], kafka: &KafkaConfig) -> Result<()> {
    for server in servers {
        during("connecting", server.check(kafka)).await?;
    }
    Ok(())
}

impl Server {
    /// Checks that the server answers.
    pub(crate) async fn check(&self, kafka: &KafkaConfig) -> Result<()> {
        let (checked, option, variable) = match self {
            Self::Kafka => {
                let kafka = kafka.clone();
                let checking = tokio::task::spawn_blocking(move || check_brokers(&kafka));
                (checking.await?, "--kafka-brokers", "FACTLINE_KAFKA_BROKERS")
            }
            Self::Registry => {
                let checked = check_http("the schema registry", &kafka.registry_url).await;
                (checked, "--registry-url", "FACTLINE_REGISTRY_URL")
            }
            Self::Store(url) => {
                let checked = check_http("the store", url).await;
                (checked, "--url", "FACTLINE_URL")
            }
        };
        checked.map_err(|error| {
            let error = anyhow::Error::new(error);
            anyhow!("{error:#} ({option} or {variable} sets the address)")
        })
    }
}
