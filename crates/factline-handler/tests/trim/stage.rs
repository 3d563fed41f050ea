//! Test stage: a commands topic, a group with a committed offset, and a reader with checkpoints.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use factline_kafka::Topics;
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_testkit::Fixture;
pub(crate) use factline_testkit::PATIENCE;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::account::ACCOUNT;

pub(crate) struct Stage {
    pub(crate) fixture: Fixture,
    pub(crate) topics: Topics,
    pub(crate) identity: String,
}

impl Stage {
    /// Creates a stage with separate topics on the shared servers.
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::new("trim").await;
        let topics = fixture.provision(&ACCOUNT).await;
        let (config, topic) = (fixture.kafka.clone(), topics.commands().to_owned());
        let identity = tokio::task::spawn_blocking(move || topic_identity(&config, &topic));
        Self {
            identity: identity.await.unwrap().unwrap(),
            fixture,
            topics,
        }
    }

    /// Appends `count` records to partition 0.
    pub(crate) async fn append(&self, count: usize) {
        for _ in 0..count {
            let topic = self.topics.commands();
            self.fixture.append(topic, 0, "", &[], b"x").await;
        }
    }

    /// Commits this offset of partition 0 for the handlers' group.
    pub(crate) fn handled(&self, offset: i64) {
        let group = self.consumer(self.topics.handler_group(), "read_committed");
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(self.topics.commands(), 0, Offset::Offset(offset))
            .unwrap();
        group.commit(&place, CommitMode::Sync).unwrap();
    }

    /// Returns the checkpoint of a reader that has reached this offset of a partition.
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

    /// Trims partition 0 for a reader that has reached this offset. Every record is old enough.
    pub(crate) async fn trim(&self, reached: i64) -> Vec<Trimmed> {
        let soon = Utc::now() + TimeDelta::minutes(1);
        trim(
            &self.fixture.kafka,
            &self.topics,
            &self.reached(0, reached),
            soon,
        )
        .await
        .unwrap()
    }

    /// Returns the beginning and the end of a partition of the commands topic.
    pub(crate) fn log(&self, partition: i32) -> (i64, i64) {
        self.consumer("none", "read_uncommitted")
            .fetch_watermarks(self.topics.commands(), partition, PATIENCE)
            .unwrap()
    }

    fn consumer(&self, group: &str, isolation: &str) -> BaseConsumer {
        let config = &self.fixture.kafka;
        config
            .client_config()
            .set("group.id", group)
            .set("isolation.level", isolation)
            .create()
            .unwrap()
    }
}
