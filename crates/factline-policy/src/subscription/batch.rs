//! Batch of facts for the `handle` callback, with the offset of each fact.

use factline::{Delivery, Fact};

use super::offsets::Places;
use factline_kafka::consumer::group::TopicPartition;

/// Facts of several partitions, in the order of each partition, and the records from which they
/// were read.
pub(crate) struct Batch<E> {
    pub(crate) facts: Vec<Fact<E>>,
    /// Partition and offset of each fact.
    places: Vec<(TopicPartition, i64)>,
    /// Every record that was read, including those that contain no fact for this subscription.
    read: Vec<(TopicPartition, i64)>,
}

impl<E> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            facts: Vec::new(),
            places: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Adds a record, with its fact if it contains one for this subscription.
    pub(crate) fn push(&mut self, key: TopicPartition, offset: i64, fact: Option<Fact<E>>) {
        if let Some(fact) = fact {
            self.facts.push(fact);
            self.places.push((key.clone(), offset));
        }
        self.read.push((key, offset));
    }

    /// Returns the partition and offset of a fact.
    pub(crate) fn place(&self, fact: usize) -> Option<&(TopicPartition, i64)> {
        self.places.get(fact)
    }

    /// Returns the number of the commands for each fact.
    pub(crate) fn deliveries(&self, places: &Places) -> Vec<Option<Delivery>> {
        self.places
            .iter()
            .map(|(key, offset)| places.delivery(key, *offset))
            .collect()
    }

    /// Drops records of partitions that are revoked or halted.
    pub(crate) fn keep_wanted(&mut self, places: &Places) {
        self.retain(|key, offset| places.wants(key, offset));
    }

    /// Drops a partition's records from an offset on.
    pub(crate) fn cut(&mut self, stopped: &TopicPartition, from: i64) {
        self.retain(|key, offset| key != stopped || offset < from);
    }

    /// Marks every record of the batch as handled.
    pub(crate) fn done(self, places: &mut Places) {
        for (key, offset) in self.read {
            places.done(&key, offset + 1);
        }
    }

    fn retain(&mut self, keep: impl Fn(&TopicPartition, i64) -> bool) {
        let kept = std::mem::take(&mut self.facts)
            .into_iter()
            .zip(std::mem::take(&mut self.places))
            .filter(|(_, (key, offset))| keep(key, *offset));
        (self.facts, self.places) = kept.unzip();
        self.read.retain(|(key, offset)| keep(key, *offset));
    }
}
