//! The timestamps of an aggregate's records: checks the [settings](super::settings) of its topics.
//!
//! | topic | timestamp | reason |
//! |---|---|---|
//! | `commands` | the broker's clock (`LogAppendTime`) | a client cannot forge a command's time |
//! | all others | the handler's (`CreateTime`), without bounds | the command's time, by which a handler that recovers orders the operations that it remembers |
//!
//! A broker compares a producer's timestamps with its own clock. By default it refuses those that
//! are an hour ahead of it (`message.timestamp.after.max.ms`). A command's time may come from
//! another broker, and it never runs backwards within a partition. So a broker whose clock is an
//! hour behind would refuse every event until its clock is right again. The bound into the past
//! would refuse the records of a restored backup. The handler itself bounds the time of a command.

use factline::{Contract, error_chain};

use crate::client::config::KafkaConfig;
use crate::topics::admin::{self, RequestError};
use crate::topics::settings::{TopicSettings, settings};

/// The records of a topic would get other timestamps than required.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "topic {topic} has {setting}={actual}, but {wanted} is required: run `factline topics apply`"
)]
pub struct WrongTimestamps {
    /// The topic.
    pub topic: String,
    /// The setting.
    pub setting: &'static str,
    /// Its actual value.
    pub actual: String,
    /// Its required value.
    pub wanted: String,
}

/// Common beginning of these settings.
const SETTINGS: &str = "message.timestamp.";

/// Fails if a topic of a contract has other settings of timestamps than required. If they cannot be
/// read, this is logged and accepted, as with [`crate::topics::broker_settings`].
pub async fn check(config: &KafkaConfig, contract: &Contract) -> Result<(), WrongTimestamps> {
    match first_wrong(config, &settings(contract, &config.topics(contract))).await {
        Ok(None) => Ok(()),
        Ok(Some(wrong)) => Err(wrong),
        Err(error) => {
            let (aggregate, error) = (contract.aggregate, error_chain(&error));
            tracing::warn!(aggregate, error, "cannot read the settings of the topics");
            Ok(())
        }
    }
}

/// Returns the first setting of timestamps that is not as required.
pub(crate) async fn first_wrong(
    config: &KafkaConfig,
    topics: &[TopicSettings],
) -> Result<Option<WrongTimestamps>, RequestError> {
    let names: Vec<&str> = topics.iter().map(|wanted| wanted.topic.as_str()).collect();
    let actual = admin::configs_of(config, &names).await?;
    for (wanted, mut actual) in topics.iter().zip(actual) {
        let configs = wanted.configs.iter();
        for (setting, value) in configs.filter(|(name, _)| name.starts_with(SETTINGS)) {
            let actual = actual.remove(*setting);
            let actual = actual.map_or_else(String::new, |(value, _)| value);
            if actual != *value {
                return Ok(Some(WrongTimestamps {
                    topic: wanted.topic.clone(),
                    setting,
                    actual,
                    wanted: value.clone(),
                }));
            }
        }
    }
    Ok(None)
}
