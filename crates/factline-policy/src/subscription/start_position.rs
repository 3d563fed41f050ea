//! The group's first offsets, committed before anybody joins it.

use factline::policy::Start;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::Subscription;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::topics::broker_settings;
use factline_kafka::topics::provision::{Error, TIMEOUT, check_partitions, patiently};
use factline_kafka::topics::watermarks::ends_of;

pub(crate) async fn commit(subscription: &Subscription, kafka: &KafkaConfig) -> Result<(), Error> {
    broker_settings::check(kafka).await?;
    let (subscription, kafka) = (subscription.clone(), kafka.clone());
    let what = format!("commit first offsets of group {}", subscription.group);
    let done = tokio::task::spawn_blocking(move || commit_blocking(&subscription, &kafka)).await;
    done.unwrap_or(Err(Error::Kafka {
        what,
        source: KafkaError::Canceled,
    }))
}

fn commit_blocking(subscription: &Subscription, kafka: &KafkaConfig) -> Result<(), Error> {
    let group = &subscription.group;
    let failed = |source| Error::Kafka {
        what: format!("commit first offsets of group {group}"),
        source,
    };
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        // The end is then the one of what is committed: what an open transaction holds happens from now on.
        .set("isolation.level", "read_committed")
        .create()
        .map_err(failed)?;
    let mut asked = TopicPartitionList::new();
    for topic in subscription.topics(kafka) {
        let partitions = subscription.source.partitions;
        patiently(|| check_partitions(kafka, &topic, partitions))?;
        asked.add_partition_range(&topic, 0, partitions - 1);
    }
    let committed = patiently(|| {
        consumer
            .committed_offsets(asked.clone(), TIMEOUT)
            .map_err(failed)
    })?;
    let mut first = TopicPartitionList::new();
    for place in committed.elements() {
        if place.offset() != Offset::Invalid {
            continue;
        }
        let (topic, partition) = (place.topic(), place.partition());
        let (low, end) =
            patiently(|| ends_of(&consumer, topic, partition, TIMEOUT).map_err(failed))?;
        let offset = match subscription.start {
            Start::Now => end,
            Start::Beginning => low,
        };
        first
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(failed)?;
    }
    if first.count() == committed.count() {
        patiently(|| consumer.commit(&first, CommitMode::Sync).map_err(failed))?;
        tracing::info!(group, partitions = first.count(), start = ?subscription.start, "first offsets committed");
    } else if let Some(lost) = first.elements().first() {
        // All were committed together, so those that are missing were there: to go on somewhere would skip or repeat.
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
