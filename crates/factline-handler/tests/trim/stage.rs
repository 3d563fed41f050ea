//! A commands topic, a group that has come so far, and a reader with checkpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_kafka::{KafkaConfig, Topics, topics::provision};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::account::ACCOUNT;

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub(crate) kafka: KafkaConfig,
    pub(crate) topics: Topics,
    pub(crate) identity: String,
}

impl Stage {
    /// Topics of its own, on the shared servers.
    pub(crate) async fn new() -> Self {
        let servers = tokio::task::spawn_blocking(dev_servers::Servers::shared);
        let servers = servers.await.unwrap();
        let kafka = KafkaConfig {
            brokers: servers.kafka.brokers(),
            registry_url: servers.registry.url(),
            topic_prefix: format!("trim-{}.", Uuid::new_v4().simple()),
            ..KafkaConfig::default()
        };
        provision::provision(&kafka, &ACCOUNT, None).await.unwrap();
        let topics = kafka.topics(&ACCOUNT);
        let (config, topic) = (kafka.clone(), topics.commands().to_owned());
        let identity = tokio::task::spawn_blocking(move || topic_identity(&config, &topic));
        Self {
            identity: identity.await.unwrap().unwrap(),
            kafka,
            topics,
        }
    }

    /// Appends so many records to partition 0.
    pub(crate) async fn append(&self, count: usize) {
        let producer: FutureProducer = self.kafka.client_config().create().unwrap();
        for _ in 0..count {
            let record = FutureRecord::<[u8], [u8]>::to(self.topics.commands())
                .partition(0)
                .payload(b"x");
            producer.send(record, PATIENCE).await.unwrap();
        }
    }

    /// The handlers have come to this offset of partition 0.
    pub(crate) fn handled(&self, offset: i64) {
        let group = self.consumer(self.topics.handler_group(), "read_committed");
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(self.topics.commands(), 0, Offset::Offset(offset))
            .unwrap();
        group.commit(&place, CommitMode::Sync).unwrap();
    }

    /// A reader that has come to this offset of a partition.
    pub(crate) fn reached(&self, partition: i32, next_offset: i64) -> BTreeMap<i32, Reached> {
        let identity = self.identity.clone();
        BTreeMap::from([(
            partition,
            Reached {
                identity,
                next_offset,
            },
        )])
    }

    /// Trims what is old enough, which all is, for a reader that has come to this offset of partition 0.
    pub(crate) async fn trim(&self, reached: i64) -> Vec<Trimmed> {
        let soon = Utc::now() + TimeDelta::minutes(1);
        trim(&self.kafka, &self.topics, &self.reached(0, reached), soon)
            .await
            .unwrap()
    }

    /// Where a partition of the commands topic begins and ends.
    pub(crate) fn log(&self, partition: i32) -> (i64, i64) {
        self.consumer("none", "read_uncommitted")
            .fetch_watermarks(self.topics.commands(), partition, PATIENCE)
            .unwrap()
    }

    fn consumer(&self, group: &str, isolation: &str) -> BaseConsumer {
        self.kafka
            .client_config()
            .set("group.id", group)
            .set("isolation.level", isolation)
            .create()
            .unwrap()
    }
}
