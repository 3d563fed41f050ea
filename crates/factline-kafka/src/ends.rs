//! Where a partition begins and ends, asked by a client that lives long.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

/// First offset of a partition, and its end as the consumer sees it: the last stable offset if it reads what is committed.
///
/// A client that has asked about a topic while a broker was on its way up may believe that a partition does not exist, or that
/// nobody leads it; librdkafka takes both for final, and answers from what it believes until it asks again, minutes later. So
/// it is made to ask at once: the next call knows better.
pub fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let found = consumer.fetch_watermarks(topic, partition, timeout);
    if let Err(KafkaError::MetadataFetch(
        Code::UnknownPartition
        | Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition,
    )) = &found
    {
        consumer.fetch_metadata(Some(topic), timeout)?;
    }
    found
}
