//! Commits the group's first offsets before the first member joins it.

use factline::policy::Start;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::Subscription;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::topics::admin::{RequestError, TIMEOUT};
use factline_kafka::topics::broker_settings;
use factline_kafka::topics::provision::{Error, check_partitions, retry_while_propagating};
use factline_kafka::topics::watermarks::ends_of;

pub(crate) async fn commit(subscription: &Subscription, kafka: &KafkaConfig) -> Result<(), Error> {
    broker_settings::check(kafka).await?;
    let (subscription, kafka) = (subscription.clone(), kafka.clone());
    let what = format!("commit first offsets of group {}", subscription.group);
    let done = tokio::task::spawn_blocking(move || commit_blocking(&subscription, &kafka)).await;
    done.map_err(|_| RequestError::new(what, KafkaError::Canceled))?
}

fn commit_blocking(subscription: &Subscription, kafka: &KafkaConfig) -> Result<(), Error> {
    let group = &subscription.group;
    let failed = |source| {
        let what = format!("commit first offsets of group {group}");
        RequestError::new(what, source)
    };
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        // The end is then that of the committed records. Records of an open transaction count as
        // new.
        .set("isolation.level", "read_committed")
        .create()
        .map_err(failed)?;
    let mut asked = TopicPartitionList::new();
    for topic in subscription.topics(kafka) {
        let partitions = kafka.contract(subscription.source).partitions;
        retry_while_propagating(|| check_partitions(kafka, &topic, partitions))?;
        asked.add_partition_range(&topic, 0, partitions - 1);
    }
    let committed = retry_while_propagating(|| {
        let committed = consumer.committed_offsets(asked.clone(), TIMEOUT);
        Ok(committed.map_err(failed)?)
    })?;
    let mut first = TopicPartitionList::new();
    for place in committed.elements() {
        if place.offset() != Offset::Invalid {
            continue;
        }
        let (topic, partition) = (place.topic(), place.partition());
        let (low, end) = retry_while_propagating(|| {
            let ends = ends_of(&consumer, topic, partition, TIMEOUT);
            Ok(ends.map_err(failed)?)
        })?;
        let offset = match subscription.start {
            Start::Now => end,
            Start::Beginning => low,
        };
        first
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(failed)?;
    }
    if first.count() == committed.count() {
        retry_while_propagating(|| {
            let committed = consumer.commit(&first, CommitMode::Sync);
            Ok(committed.map_err(failed)?)
        })?;
        tracing::info!(group, partitions = first.count(), start = ?subscription.start, "first offsets committed");
    } else if let Some(lost) = first.elements().first() {
        // All first offsets are committed together, so a missing offset was lost. Any choice of an
        // offset would skip or repeat records.
        let Offset::Offset(end) = lost.offset() else {
            return Ok(());
        };
        let (group, topic) = (group.clone(), lost.topic().to_owned());
        let partition = lost.partition();
        return Err(Error::LostOffset {
            group,
            topic,
            partition,
            end,
        });
    }
    Ok(())
}
