//! The retention of an idle group's offsets: the one setting of the brokers that a handler depends
//! on.
//!
//! The brokers delete the offsets of an idle group after `offsets.retention.minutes`. A handler
//! whose group has lost its offsets halts until an operator intervenes. That is safe but
//! inconvenient, so a cluster with a short retention is refused at the start.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::config::KafkaConfig;

/// Minimum retention in minutes: a day, so that a night without traffic loses no offsets.
pub const LEAST_MINUTES: u64 = 24 * 60;

/// The cluster would delete the offsets of an idle group too early.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "brokers delete the offsets of an idle group after {minutes} minutes: offsets.retention.minutes must be {least} or more"
)]
pub struct ShortRetention {
    /// The actual setting.
    pub minutes: u64,
    /// The minimum.
    pub least: u64,
}

const SETTING: &str = "offsets.retention.minutes";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fails if the brokers keep the offsets of idle groups for less than [`LEAST_MINUTES`]. If the
/// setting is unknown, for example on clusters that do not show their brokers' settings, this is
/// logged and accepted.
pub async fn check(config: &KafkaConfig) -> Result<(), ShortRetention> {
    match minutes(config).await {
        Ok(Some(minutes)) => return judge(minutes),
        Ok(None) => {
            tracing::warn!("brokers do not show {SETTING}; it should be {LEAST_MINUTES} or more");
        }
        Err(error) => {
            tracing::warn!(%error, "cannot read {SETTING} from the brokers; it should be {LEAST_MINUTES} or more");
        }
    }
    Ok(())
}

fn judge(minutes: u64) -> Result<(), ShortRetention> {
    if minutes < LEAST_MINUTES {
        Err(ShortRetention {
            minutes,
            least: LEAST_MINUTES,
        })
    } else {
        Ok(())
    }
}

/// Returns the setting of one of the brokers, in minutes.
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
    fn retention_of_less_than_a_day_is_refused() {
        assert!(judge(LEAST_MINUTES).is_ok());
        assert!(matches!(
            judge(LEAST_MINUTES - 1),
            Err(ShortRetention { minutes: 1439, .. })
        ));
    }
}
