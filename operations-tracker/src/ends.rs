//! Where the commands topics end now: how far a tracker must have come to have seen every command that was accepted
//! until now.
//!
//! An edge answers 202 only when all replicas have its record, so that record stands below the high watermark.

use std::sync::Arc;
use std::time::Duration;

use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

/// A partition, and the offset that a checkpoint must have reached.
pub type Ends = Vec<(String, i32, i64)>;

/// Asks the brokers.
#[derive(Clone)]
pub struct Watermarks {
    consumer: Arc<BaseConsumer>,
    partitions: Vec<(String, i32)>,
}

/// Why the ends are not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The brokers did not say.
    #[error("cannot ask where commands topics end")]
    Kafka(#[from] KafkaError),
    /// The brokers said something else.
    #[error("{topic} has no end: {answer}")]
    NoEnd {
        /// The topic.
        topic: String,
        /// What they said.
        answer: String,
    },
    /// The question was never asked.
    #[error("the question where commands topics end was dropped")]
    Dropped(#[from] tokio::task::JoinError),
}

impl Watermarks {
    /// Of these topics with so many partitions each. Connects when it is first asked.
    pub fn new(
        kafka: &KafkaConfig,
        topics: impl IntoIterator<Item = (String, i32)>,
    ) -> Result<Self, KafkaError> {
        let consumer = kafka
            .client_config()
            // Never used: this consumer joins no group and reads no record. Uncommitted records count too.
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

    /// Whether this is a partition of one of the topics.
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        self.partitions
            .iter()
            .any(|known| known.0 == topic && known.1 == partition)
    }

    /// The ends of all partitions. One request for each broker: the protocol's time stamp -1, which the crate calls
    /// `End`, stands for the end.
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
