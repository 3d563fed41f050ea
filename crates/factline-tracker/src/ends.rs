//! The current end offsets of the commands topics. A tracker that has reached them has read every
//! command that was accepted until now.
//!
//! An edge answers 202 only when all replicas have its record, so that record is below the high
//! watermark.

use std::sync::Arc;
use std::time::Duration;

use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

/// Partitions, each with the offset that a checkpoint must have reached.
pub type Ends = Vec<(String, i32, i64)>;

/// A client that fetches end offsets from the brokers.
#[derive(Clone)]
pub struct Watermarks {
    consumer: Arc<BaseConsumer>,
    partitions: Vec<(String, i32)>,
}

/// A failure to fetch end offsets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request to the brokers failed.
    #[error("cannot fetch the end offsets of the commands topics")]
    Kafka(#[from] KafkaError),
    /// The answer of the brokers contains no end offset for a partition.
    #[error("cannot fetch the end offset of {topic}: {answer}")]
    NoEnd {
        /// The topic.
        topic: String,
        /// The answer of the brokers.
        answer: String,
    },
    /// The request was dropped before it was sent.
    #[error("the request for the end offsets of the commands topics was dropped")]
    Dropped(#[from] tokio::task::JoinError),
}

impl Watermarks {
    /// Creates a client for these topics, each with its number of partitions. It connects at the
    /// first request.
    pub fn new(
        kafka: &KafkaConfig,
        topics: impl IntoIterator<Item = (String, i32)>,
    ) -> Result<Self, KafkaError> {
        let consumer = kafka
            .client_config()
            // The group id is never used, because this consumer joins no group and reads no record.
            // Uncommitted records count too.
            .set("group.id", "none")
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let all = |(topic, count): (String, i32)| {
            (0..count).map(move |partition| (topic.clone(), partition))
        };
        Ok(Self {
            consumer: Arc::new(consumer),
            partitions: topics.into_iter().flat_map(all).collect(),
        })
    }

    /// Returns whether this is a partition of one of the topics.
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        self.partitions
            .iter()
            .any(|known| known.0 == topic && known.1 == partition)
    }

    /// Fetches the end offsets of all partitions, with one request for each broker. In the protocol
    /// the time stamp -1 means the end; the crate calls it `End`.
    pub async fn ends(&self, timeout: Duration) -> Result<Ends, Error> {
        let consumer = Arc::clone(&self.consumer);
        let partitions = self.partitions.clone();
        let ends = tokio::task::spawn_blocking(move || {
            let mut question = TopicPartitionList::with_capacity(partitions.len());
            for (topic, partition) in &partitions {
                question.add_partition_offset(topic, *partition, Offset::End)?;
            }
            let answer = consumer.offsets_for_times(question, timeout)?;
            answer.elements().iter().map(end_of).collect()
        });
        ends.await?
    }
}

fn end_of(partition: &TopicPartitionListElem<'_>) -> Result<(String, i32, i64), Error> {
    partition.error()?;
    let topic = partition.topic().to_owned();
    match partition.offset() {
        Offset::Offset(end) => Ok((topic, partition.partition(), end)),
        other => Err(Error::NoEnd {
            topic,
            answer: format!("{other:?}"),
        }),
    }
}
