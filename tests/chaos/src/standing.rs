//! Where records stand that nobody has handled, as the groups' offsets tell it: for whoever asks why there is no rest.
//!
//! Followers have their checkpoints in the database; readiness and metrics tell of those.

use std::time::Duration;

use anyhow::{Context as _, Result};
use factline_kafka::topics::watermarks::ends_of;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::cluster::Cluster;
use harness::Log;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A line for each partition of each group in which records wait, or why it cannot be told.
pub(super) async fn standing(cluster: &Cluster) -> Vec<String> {
    let Some(contract) = contracts::ALL.first() else {
        return Vec::new();
    };
    let kafka = Log::of(&cluster.system, contract).kafka;
    let look = move || -> Result<Vec<String>> {
        let client: BaseConsumer = kafka.client_config().create()?;
        let metadata = client.fetch_metadata(None, PATIENCE)?;
        let topics = metadata.topics().iter();
        let topics = topics.filter(|topic| topic.name().starts_with(&kafka.topic_prefix));
        let mut asked = TopicPartitionList::new();
        for topic in topics {
            for partition in topic.partitions() {
                asked.add_partition(topic.name(), partition.id());
            }
        }
        let mut lines = Vec::new();
        for group in client.fetch_group_list(None, PATIENCE)?.groups() {
            let reader: BaseConsumer = kafka
                .client_config()
                .set("group.id", group.name())
                .set("isolation.level", "read_committed")
                .create()?;
            let committed = reader.committed_offsets(asked.clone(), PATIENCE);
            for place in committed.context("cannot read offsets")?.elements() {
                let Offset::Offset(next) = place.offset() else {
                    continue;
                };
                let (topic, partition) = (place.topic(), place.partition());
                let (_, end) = ends_of(&reader, topic, partition, PATIENCE)?;
                if next < end {
                    let (group, state) = (group.name(), group.state());
                    let line = format!("{group} ({state}): {topic}/{partition} at {next} of {end}");
                    lines.push(line);
                }
            }
        }
        Ok(lines)
    };
    let told = tokio::task::spawn_blocking(look).await;
    let told = told.map_err(anyhow::Error::from).flatten();
    told.unwrap_or_else(|error| vec![format!("it cannot be told what stands still: {error:#}")])
}
