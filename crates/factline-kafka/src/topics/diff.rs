//! Compares topics with their contracts and applies the differences. It creates missing topics,
//! sets configuration that differs, and deletes nothing. A partition count that differs stays,
//! because keys would move.

use factline::Contract;
use rdkafka::admin::{AlterConfig, ConfigSource, ResourceSpecifier};
use rdkafka::error::KafkaError;

use crate::client::config::KafkaConfig;
use crate::tools::topic_reader;
use crate::topics::admin::{self, Configs, RequestError};
use crate::topics::provision;
use crate::topics::settings::settings;

/// Reason why topics could not be compared or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to Kafka failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A topic's metadata cannot be read.
    #[error(transparent)]
    Reading(#[from] topic_reader::Error),
    /// Topics cannot be created.
    #[error(transparent)]
    Provision(#[from] provision::Error),
}

/// The expected and the actual value of one setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The topic.
    pub topic: String,
    /// `partitions`, or the name of a configuration.
    pub setting: String,
    /// Expected value.
    pub wanted: String,
    /// Actual value; `None` if the topic does not exist.
    pub actual: Option<String>,
}

/// Action that a difference requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// No action: the setting is as expected.
    Keep,
    /// Create the topic.
    Create,
    /// Set the configuration.
    Set,
    /// No action is possible.
    Impossible,
}

impl Line {
    /// Returns the action that the difference requires.
    pub fn action(&self) -> Action {
        match &self.actual {
            None => Action::Create,
            Some(actual) if *actual == self.wanted => Action::Keep,
            Some(_) if self.setting == PARTITIONS => Action::Impossible,
            Some(_) => Action::Set,
        }
    }
}

const PARTITIONS: &str = "partitions";

/// Compares the topics of a contract with their expected settings.
pub async fn plan(config: &KafkaConfig, contract: &Contract) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for wanted in settings(&config.contract(contract), &config.topics(contract)) {
        let topic = wanted.topic;
        let partitions = partitions(config, &topic).await?;
        let configs = match partitions {
            Some(_) => admin::topic_configs(config, &topic).await?,
            None => Configs::new(),
        };
        let mut line = |setting: &str, wanted: String, actual| {
            lines.push(Line {
                topic: topic.clone(),
                setting: setting.to_owned(),
                wanted,
                actual,
            });
        };
        let actual = partitions.map(|count| count.to_string());
        line(PARTITIONS, wanted.partitions.to_string(), actual);
        for (name, wanted) in wanted.configs {
            let actual = partitions.map(|_| {
                let found = configs.get(name);
                found.map_or_else(String::new, |(value, _)| value.clone())
            });
            line(name, wanted, actual);
        }
    }
    Ok(lines)
}

/// Applies the differences. `replication` is the number of replicas of new topics; `None` means the
/// cluster's default.
pub async fn apply(
    config: &KafkaConfig,
    contract: &Contract,
    replication: Option<i32>,
) -> Result<(), Error> {
    let lines = plan(config, contract).await?;
    for topic in settings(&config.contract(contract), &config.topics(contract)) {
        let changes = lines
            .iter()
            .filter(|line| line.topic == topic.topic && line.action() == Action::Set);
        let changes: Vec<&Line> = changes.collect();
        if !changes.is_empty() {
            set(config, &topic.topic, &changes).await?;
        }
    }
    // Creates missing topics, and fails if partition counts differ.
    Ok(provision::provision(config, contract, replication).await?)
}

async fn partitions(config: &KafkaConfig, topic: &str) -> Result<Option<i32>, Error> {
    let (config, name) = (config.clone(), topic.to_owned());
    let counted =
        tokio::task::spawn_blocking(move || topic_reader::partitions(&config, &name)).await;
    match counted {
        Ok(Ok(count)) => Ok(Some(count)),
        Ok(Err(topic_reader::Error::NoTopic { .. })) => Ok(None),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(failed("read metadata of", topic, KafkaError::Canceled).into()),
    }
}

/// Sets configuration. Kafka's request replaces everything that was ever set on the topic, so this
/// sends all of it again.
async fn set(config: &KafkaConfig, topic: &str, changes: &[&Line]) -> Result<(), Error> {
    let failed = |source| failed("configure", topic, source);
    let mut configs = admin::topic_configs(config, topic).await?;
    configs.retain(|_, (_, source)| *source == ConfigSource::DynamicTopic);
    let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (name, (value, _)) in &configs {
        if !changes.iter().any(|change| change.setting == *name) {
            alter = alter.set(name, value);
        }
    }
    for change in changes {
        alter = alter.set(&change.setting, &change.wanted);
    }
    let admin = admin::client(config).map_err(failed)?;
    let altered = admin
        .alter_configs(&[alter], &admin::options())
        .await
        .map_err(failed)?;
    for result in altered {
        result.map_err(|(_, code)| failed(KafkaError::AdminOp(code)))?;
    }
    Ok(())
}

fn failed(what: &str, topic: &str, source: KafkaError) -> RequestError {
    RequestError::new(format!("{what} topic {topic}"), source)
}
