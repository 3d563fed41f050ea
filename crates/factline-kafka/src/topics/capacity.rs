//! The mark of a handler that refuses new aggregates: a word in the metadata of the offsets that it
//! commits. So the edge learns of it without a request to the handler.
//!
//! The mark is as old as the last transaction of the partition. A partition without commands keeps
//! it after the handler has memory again: see the probes of the edge.

use std::collections::BTreeSet;
use std::time::Duration;

use factline::Contract;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::broker_queries::{BrokerQueries, Isolation};
use crate::client::config::KafkaConfig;

/// The word of a partition whose handler refuses new aggregates.
const CAPACITY: &str = "capacity";

/// Time limit for an answer of the brokers.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Marks the offsets of a handler that refuses new aggregates.
pub fn mark(offsets: &TopicPartitionList) {
    for mut place in offsets.elements() {
        place.set_metadata(CAPACITY);
    }
}

/// Returns whether the metadata of an offset contains the mark. The metadata is a list of words,
/// separated by spaces; other words are for other readers.
fn is_marked(metadata: &str) -> bool {
    metadata.split(' ').any(|word| word == CAPACITY)
}

/// Reads the marks of an aggregate type's handlers.
#[derive(Debug)]
pub struct CapacityQueries {
    queries: BrokerQueries,
    topic: String,
    partitions: i32,
}

impl CapacityQueries {
    /// Creates the queries for the handlers of a contract. Connects at the first query.
    pub fn new(kafka: &KafkaConfig, contract: &Contract) -> Self {
        let topics = kafka.topics(contract);
        let mut kafka = kafka.clone();
        // Only a client with the id of the group can read its offsets. It does not join the group.
        let group = ("group.id".to_owned(), topics.handler_group().to_owned());
        kafka.properties.push(group);
        Self {
            // The last offsets that were committed, without waiting for open transactions.
            queries: BrokerQueries::new(&kafka, Isolation::ReadUncommitted),
            topic: topics.commands().to_owned(),
            partitions: kafka.contract(contract).partitions,
        }
    }

    /// Returns the partitions whose handlers refuse new aggregates. Those that the brokers do not
    /// know are left out.
    ///
    /// # Errors
    ///
    /// If the brokers do not answer in 3 s, or refuse (`Describe` on the group is missing).
    pub async fn refusing(&mut self) -> KafkaResult<BTreeSet<i32>> {
        let mut asked = TopicPartitionList::new();
        for partition in 0..self.partitions {
            asked.add_partition(&self.topic, partition);
        }
        let answer = self.queries.ask(move |client| {
            let answered = client.committed_offsets(asked, TIMEOUT)?;
            let places = answered.elements();
            let marked = places.iter().filter(|place| {
                place.error().is_ok()
                    && matches!(place.offset(), Offset::Offset(_))
                    && is_marked(place.metadata())
            });
            Ok(marked.map(TopicPartitionListElem::partition).collect())
        });
        answer.get().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_a_word_of_the_metadata() {
        let mut offsets = TopicPartitionList::new();
        for partition in 0..3 {
            let added = offsets.add_partition_offset("commands", partition, Offset::Offset(7));
            assert_eq!(added, Ok(()));
        }
        assert!(
            offsets
                .elements()
                .iter()
                .all(|place| !is_marked(place.metadata()))
        );
        mark(&offsets);
        assert!(
            offsets
                .elements()
                .iter()
                .all(|place| is_marked(place.metadata()))
        );
        assert!(is_marked("other capacity"));
        assert!(!is_marked("capacity-of-others"));
    }
}
