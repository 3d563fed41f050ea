//! Where partitions begin and end, asked by a client that lives long.
//!
//! By the question for the offset at a time, of which two in the protocol stand for begin and end: it is one for all partitions
//! of a broker, where `fetch_watermarks` asks twice for each.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

/// First offset and end of partitions.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// First offset of each partition, and its end as the consumer sees it: the last stable offset if it reads what is committed,
/// else the high watermark.
///
/// A client that has asked about a topic while a broker was on its way up may believe that a partition does not exist, or that
/// nobody leads it; librdkafka takes both for final, and answers from what it believes until it asks again, minutes later. So
/// it is made to ask at once: the next call knows better.
///
/// # Errors
/// When the brokers do not answer within `timeout`, for each of two questions, or do not know one of the partitions.
pub fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> KafkaResult<Ends> {
    if partitions.is_empty() {
        return Ok(Ends::new());
    }
    let ask = |which| offsets(consumer, topic, partitions, which, timeout);
    let found = ask(Offset::Beginning).and_then(|begins| Ok((begins, ask(Offset::End)?)));
    if let Err(error) = &found
        && let Some(
            Code::UnknownPartition
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition,
        ) = error.rdkafka_error_code()
    {
        consumer.fetch_metadata(Some(topic), timeout)?;
    }
    let (begins, ends) = found?;
    Ok(begins
        .into_iter()
        .zip(ends.into_values())
        .map(|((partition, begin), end)| (partition, (begin, end)))
        .collect())
}

/// The same of one partition.
///
/// # Errors
/// As [`ends`].
pub fn ends_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let found = ends(consumer, topic, &[partition], timeout)?;
    let missing = KafkaError::OffsetFetch(Code::UnknownPartition);
    found.get(&partition).copied().ok_or(missing)
}

/// How many partitions a topic has; none if the brokers do not know it.
///
/// # Errors
/// When the brokers do not answer in time.
pub(crate) fn count_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<Option<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().first();
    let count = found.map_or(0, |topic| topic.partitions().len());
    Ok(i32::try_from(count).ok().filter(|count| *count > 0))
}

/// What the brokers answer to `Beginning` or `End`, of every partition.
fn offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    which: Offset,
    timeout: Duration,
) -> KafkaResult<BTreeMap<i32, i64>> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked.add_partition_offset(topic, *partition, which)?;
    }
    let answered = consumer.offsets_for_times(asked, timeout)?;
    let read = answered.elements().into_iter().map(|place| {
        place.error()?;
        match place.offset() {
            Offset::Offset(offset) => Ok((place.partition(), offset)),
            // Left as it was asked: nobody has answered for it.
            _ => Err(KafkaError::OffsetFetch(Code::UnknownPartition)),
        }
    });
    read.collect()
}
