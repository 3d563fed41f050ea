//! How long Kafka remembers where a group was that rests: the one setting of the brokers that a handler depends on.
//!
//! An idle group's offsets are deleted after `offsets.retention.minutes`. A handler whose group has lost its place
//! stops and asks people, which is safe and no fun: so a cluster that forgets soon is refused at the start.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::config::KafkaConfig;
use crate::topics::provision::Error;

/// The least that is accepted, in minutes: a day, so that a night without traffic is nothing.
pub const LEAST_MINUTES: u64 = 24 * 60;

const SETTING: &str = "offsets.retention.minutes";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fails if the brokers forget the offsets of resting groups sooner than [`LEAST_MINUTES`]. What cannot be found out,
/// as on clusters that do not show their brokers' settings, is logged and accepted.
pub async fn check(config: &KafkaConfig) -> Result<(), Error> {
    match minutes(config).await {
        Ok(Some(minutes)) => return judge(minutes),
        Ok(None) => {
            tracing::warn!(
                "the brokers do not tell {SETTING}; it should be {LEAST_MINUTES} or more"
            );
        }
        Err(error) => {
            tracing::warn!(%error, "cannot ask the brokers for {SETTING}; it should be {LEAST_MINUTES} or more");
        }
    }
    Ok(())
}

fn judge(minutes: u64) -> Result<(), Error> {
    if minutes < LEAST_MINUTES {
        Err(Error::Forgetful {
            minutes,
            least: LEAST_MINUTES,
        })
    } else {
        Ok(())
    }
}

/// What one of the brokers says, in minutes.
pub async fn minutes(config: &KafkaConfig) -> Result<Option<u64>, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = config.client_config().create()?;
    let admin = std::sync::Arc::new(admin);
    let asking = std::sync::Arc::clone(&admin);
    let broker = tokio::task::spawn_blocking(move || {
        let metadata = asking
            .inner()
            .fetch_metadata(Some("__consumer_offsets"), TIMEOUT)?;
        Ok::<_, KafkaError>(
            metadata
                .brokers()
                .first()
                .map(rdkafka::metadata::MetadataBroker::id),
        )
    });
    let Some(broker) = broker.await.map_err(|_| KafkaError::Canceled)?? else {
        return Ok(None);
    };
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = admin
        .describe_configs(&[ResourceSpecifier::Broker(broker)], &options)
        .await?;
    let settings = described
        .into_iter()
        .next()
        .unwrap_or(Err(RDKafkaErrorCode::NoEnt))
        .map_err(KafkaError::AdminOp)?;
    Ok(settings
        .get(SETTING)
        .and_then(|entry| entry.value.as_ref()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_forgets_within_a_day_is_refused() {
        assert!(judge(LEAST_MINUTES).is_ok());
        assert!(matches!(
            judge(LEAST_MINUTES - 1),
            Err(Error::Forgetful { minutes: 1439, .. })
        ));
    }
}
