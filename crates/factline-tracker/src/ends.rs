//! The current end offsets of the commands topics. A tracker that has reached them has read every
//! command that was accepted until now.
//!
//! An edge answers 202 only when all replicas have its record, so that record is below the high
//! watermark.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use crate::captures::Captures;

/// Partitions, each with the offset that a checkpoint must have reached.
pub type Ends = Vec<(String, i32, i64)>;

/// The shared question for the end offsets of all commands topics.
pub type EndCaptures = Captures<Result<Arc<Ends>, Arc<Error>>>;

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
    pub fn new(kafka: &KafkaConfig, topics: &[(String, i32)]) -> Result<Self, KafkaError> {
        let consumer = kafka
            .client_config()
            // The group id is never used, because this consumer joins no group and reads no record.
            // Uncommitted records count too.
            .set("group.id", "none")
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let all = |(topic, count): &(String, i32)| {
            let topic = topic.clone();
            (0..*count).map(move |partition| (topic.clone(), partition))
        };
        Ok(Self {
            consumer: Arc::new(consumer),
            partitions: topics.iter().flat_map(all).collect(),
        })
    }

    /// Starts a task that fetches the end offsets for all look-ups that want them.
    pub fn captures(self, timeout: Duration) -> EndCaptures {
        Captures::new(move || {
            let watermarks = self.clone();
            async move { watermarks.capture(timeout).await }
        })
    }

    /// Fetches the end offsets for several look-ups. A failure is counted and logged once for all
    /// of them.
    pub async fn capture(&self, timeout: Duration) -> Result<Arc<Ends>, Arc<Error>> {
        let ends = self.ends(timeout).await;
        let result = if ends.is_ok() { "ok" } else { "failed" };
        metrics::counter!("factline_barrier_captures_total", "result" => result).increment(1);
        ends.map(Arc::new).map_err(|error| {
            tracing::warn!(error = &error as &dyn StdError, "brokers are unavailable");
            Arc::new(error)
        })
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
