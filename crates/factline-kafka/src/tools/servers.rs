//! Checks that the servers answer, so that a tool reports an unavailable server at once instead of
//! at the end of the time limit of its first request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::client::config::KafkaConfig;
use crate::client::ffi::has_events;

/// Maximum wait for a server's first answer. It leaves time for a connection with encryption and
/// sign-in to a distant cluster.
pub const PATIENCE: Duration = Duration::from_millis(2500);

/// A topic that every cluster with consumer groups has. Its description is a small answer.
const KNOWN_TOPIC: &str = "__consumer_offsets";

/// A server is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No broker answers.
    #[error("no answer from Kafka at {brokers}: {reason}")]
    Kafka {
        /// The bootstrap servers.
        brokers: String,
        /// The first fault that the client reported.
        reason: String,
    },
    /// A server does not answer over HTTP.
    #[error("no answer from {server} at {url}")]
    Http {
        /// The server, such as `the schema registry`.
        server: &'static str,
        /// The URL, without user name and password.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

/// Checks that a broker answers. Blocks for up to [`PATIENCE`].
pub fn check_brokers(config: &KafkaConfig) -> Result<(), Error> {
    let unavailable = |reason| Error::Kafka {
        brokers: config.brokers.clone(),
        reason,
    };
    let client: BaseConsumer<FirstError> = config
        .client_config()
        .set("allow.auto.create.topics", "false")
        .create_with_context(FirstError::default())
        .map_err(|error| unavailable(error.to_string()))?;
    let Err(error) = client.fetch_metadata(Some(KNOWN_TOPIC), PATIENCE) else {
        return Ok(());
    };
    // The client reports why it could not connect when it is polled.
    while has_events(client.client()) {
        let _ = client.poll(Duration::ZERO);
    }
    Err(unavailable(client.context().reason().unwrap_or_else(
        || match error {
            KafkaError::MetadataFetch(_) => {
                format!("nothing was received in {} s", PATIENCE.as_secs_f32())
            }
            error => error.to_string(),
        },
    )))
}

/// Checks that a server answers over HTTP, with whatever status. Waits for up to [`PATIENCE`].
pub async fn check_http(server: &'static str, url: &str) -> Result<(), Error> {
    let client = reqwest::Client::new();
    let asked = client.get(url).timeout(PATIENCE).send().await;
    asked.map(|_| ()).map_err(|source| Error::Http {
        server,
        url: without_login(url),
        source: source.without_url(),
    })
}

fn without_login(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else {
        return url.to_owned();
    };
    // Only a URL that can have no login refuses the change.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.into()
}

/// The context of a client that logs nothing and keeps the first fault that it reports.
#[derive(Debug, Default)]
struct FirstError(Mutex<Option<String>>);

impl FirstError {
    fn reason(&self) -> Option<String> {
        let reason = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone()
    }
}

impl ClientContext for FirstError {
    fn error(&self, _: KafkaError, reason: &str) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| reason.to_owned());
    }
}

impl ConsumerContext for FirstError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_is_not_shown() {
        let url = "http://ada:secret@registry:8081/apis";
        assert_eq!(without_login(url), "http://registry:8081/apis");
        assert_eq!(without_login("http://registry"), "http://registry/");
    }
}
