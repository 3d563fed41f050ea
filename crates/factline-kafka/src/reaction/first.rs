//! The group's first offsets, committed before anybody joins it.

use factline::policy::Start;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::Reaction;
use crate::config::KafkaConfig;
use crate::ends::ends_of;
use crate::provision::{Error, TIMEOUT, check_partitions, patiently};
use crate::retention;

pub(super) async fn commit(reaction: &Reaction, kafka: &KafkaConfig) -> Result<(), Error> {
    retention::check(kafka).await?;
    let (reaction, kafka) = (reaction.clone(), kafka.clone());
    let what = format!("commit first offsets of group {}", reaction.group);
    let done = tokio::task::spawn_blocking(move || commit_blocking(&reaction, &kafka)).await;
    done.unwrap_or(Err(Error::Kafka {
        what,
        source: KafkaError::Canceled,
    }))
}

fn commit_blocking(reaction: &Reaction, kafka: &KafkaConfig) -> Result<(), Error> {
    let group = &reaction.group;
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
    for topic in reaction.topics(kafka) {
        let partitions = reaction.source.partitions;
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
        let offset = match reaction.start {
            Start::Now => end,
            Start::Beginning => low,
        };
        first
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(failed)?;
    }
    if first.count() == committed.count() {
        patiently(|| consumer.commit(&first, CommitMode::Sync).map_err(failed))?;
        tracing::info!(group, partitions = first.count(), start = ?reaction.start, "first offsets committed");
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
