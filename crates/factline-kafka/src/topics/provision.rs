//! Creates an aggregate's topics with their [`settings`](super::settings), and commits the
//! handler's first offsets.
//!
//! Provisioning can be repeated at any time. An existing topic with another number of partitions,
//! or with [timestamps] that the guarantees forbid, is an error. All differences are shown by
//! `factline topics plan`. Provisioning never deletes a topic, and never changes an existing one.

use std::time::{Duration, Instant};

use factline::Contract;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use crate::client::config::KafkaConfig;
use crate::client::transient::{is_moving_coordinator, is_stale_metadata};
use crate::retry::Backoff;
use crate::topics::Topics;
use crate::topics::admin::{self, RequestError, TIMEOUT};
use crate::topics::broker_settings;
use crate::topics::settings::TopicSettings;
use crate::topics::settings::settings;
use crate::topics::timestamps::{self, WrongTimestamps};
use crate::topics::watermarks::ends_of;

/// Reason why topics are not as the contract requires.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to Kafka failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The cluster would delete the offsets of an idle group too early.
    #[error(transparent)]
    OffsetsRetention(#[from] broker_settings::ShortRetention),
    /// The records of a topic would get wrong timestamps.
    #[error(transparent)]
    Timestamps(#[from] WrongTimestamps),
    /// Kafka refused to create a topic.
    #[error("cannot create topic {topic}: {code}")]
    Refused {
        /// The topic.
        topic: String,
        /// Kafka's reason.
        code: RDKafkaErrorCode,
    },
    /// Keys would move to other partitions.
    #[error(
        "topic {topic} has {actual} partitions, but the contract requires {expected}: the number is \
         permanent, so restore it in the contract"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// Actual number of partitions.
        actual: usize,
        /// Number of partitions in the contract.
        expected: i32,
    },
    /// The group's offsets were lost, as an idle group's are after `offsets.retention.minutes`.
    #[error(
        "group {group} has no committed offset for {topic}/{partition}, which holds records up to {end}; \
         an operator must decide where to continue: commit an offset for the group, then restart"
    )]
    LostOffset {
        /// The consumer group.
        group: String,
        /// The commands topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// End offset of the partition.
        end: i64,
    },
}

/// Creates the topics of a contract that do not exist, checks those that do, and commits the
/// handler's first offsets.
///
/// Call it on a runtime of tokio.
///
/// `replication` is the number of replicas; `None` means the cluster's default.
pub async fn provision(
    config: &KafkaConfig,
    contract: &Contract,
    replication: Option<i32>,
) -> Result<(), Error> {
    broker_settings::check(config).await?;
    let contract = config.contract(contract);
    let topics = config.topics(&contract);
    create(config, &settings(&contract, &topics), replication).await?;
    let config = config.clone();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        first_offsets(&config, &contract, &topics)?;
        let settings = settings(&contract, &topics);
        let wrong = || Ok(runtime.block_on(timestamps::first_wrong(&config, &settings))?);
        match retry_while_propagating(wrong)? {
            None => Ok(()),
            Some(wrong) => Err(wrong.into()),
        }
    })
    .await
    .map_err(|_| RequestError::new("check topics", KafkaError::Canceled))?
}

/// Creates topics that do not exist. Existing ones are not changed.
///
/// `replication` is the number of replicas; `None` means the cluster's default.
pub async fn create(
    config: &KafkaConfig,
    settings: &[TopicSettings],
    replication: Option<i32>,
) -> Result<(), Error> {
    let wanted = settings.iter().map(|wanted| {
        let replication = TopicReplication::Fixed(replication.unwrap_or(-1));
        let topic = NewTopic::new(&wanted.topic, wanted.partitions, replication);
        let configs = wanted.configs.iter();
        configs.fold(topic, |topic, (key, value)| topic.set(key, value))
    });
    let wanted: Vec<NewTopic<'_>> = wanted.collect();
    let failed = |source| {
        let names: Vec<&str> = settings.iter().map(|topic| topic.topic.as_str()).collect();
        RequestError::new(format!("create topics {}", names.join(", ")), source)
    };
    let admin = admin::client(config).map_err(failed)?;
    let created = admin.create_topics(&wanted, &admin::options()).await;
    for result in created.map_err(failed)? {
        match result {
            Ok(topic) => tracing::info!(topic, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Refused { topic, code }),
        }
    }
    Ok(())
}

/// Fails unless a topic has the contract's partitions. Blocks for up to twenty seconds.
pub fn check_partitions(config: &KafkaConfig, topic: &str, expected: i32) -> Result<(), Error> {
    let failed = |source| RequestError::new(format!("describe topic {topic}"), source);
    let client: BaseConsumer = config.client_config().create().map_err(failed)?;
    let metadata = client
        .fetch_metadata(Some(topic), TIMEOUT)
        .map_err(failed)?;
    let found = metadata.topics().first();
    if let Some(error) = found.and_then(rdkafka::metadata::MetadataTopic::error) {
        return Err(failed(KafkaError::MetadataFetch(error.into())).into());
    }
    let actual = found.map_or(0, |topic| topic.partitions().len());
    if i32::try_from(actual) == Ok(expected) {
        Ok(())
    } else {
        Err(Error::Partitions {
            topic: topic.to_owned(),
            actual,
            expected,
        })
    }
}

/// Retries while the brokers learn, one after the other, about a topic or group that is new.
pub fn retry_while_propagating<T>(ask: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let is_propagating = |code| is_stale_metadata(code) || is_moving_coordinator(code);
    let start = Instant::now();
    let mut backoff = Backoff::new(Duration::from_millis(25), Duration::from_millis(200));
    loop {
        match ask() {
            Err(Error::Request(RequestError { source, .. }))
                if code_of(&source).is_some_and(is_propagating) && start.elapsed() < TIMEOUT =>
            {
                std::thread::sleep(backoff.pause());
            }
            result => return result,
        }
    }
}

/// Returns Kafka's code, also of an error of a request about topics.
fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    }
}

/// Commits offset 0 of commands partitions that are still empty, so that the handlers' group has an
/// offset from the beginning. The handlers run without an automatic reset, because a group that
/// lost its offsets must not silently start over.
fn first_offsets(config: &KafkaConfig, contract: &Contract, topics: &Topics) -> Result<(), Error> {
    for wanted in settings(contract, topics) {
        retry_while_propagating(|| check_partitions(config, &wanted.topic, wanted.partitions))?;
    }
    let group = topics.handler_group();
    let failed = |source| {
        let what = format!("commit first offsets of group {group}");
        RequestError::new(what, source)
    };
    let consumer: BaseConsumer = config
        .client_config()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .map_err(failed)?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(topics.commands(), 0, contract.partitions - 1);
    let committed = retry_while_propagating(|| {
        let committed = consumer.committed_offsets(partitions.clone(), TIMEOUT);
        Ok(committed.map_err(failed)?)
    })?;
    let mut first = TopicPartitionList::new();
    for place in committed
        .elements()
        .iter()
        .filter(|place| place.offset() == Offset::Invalid)
    {
        let partition = place.partition();
        let (_, end) = retry_while_propagating(|| {
            let ends = ends_of(&consumer, topics.commands(), partition, TIMEOUT);
            Ok(ends.map_err(failed)?)
        })?;
        if end > 0 {
            let (group, topic) = (group.to_owned(), topics.commands().to_owned());
            return Err(Error::LostOffset {
                group,
                topic,
                partition,
                end,
            });
        }
        first
            .add_partition_offset(topics.commands(), partition, Offset::Offset(0))
            .map_err(failed)?;
    }
    if first.count() > 0 {
        retry_while_propagating(|| {
            let committed = consumer.commit(&first, CommitMode::Sync);
            Ok(committed.map_err(failed)?)
        })?;
        tracing::info!(group, partitions = first.count(), "first offsets committed");
    }
    Ok(())
}
