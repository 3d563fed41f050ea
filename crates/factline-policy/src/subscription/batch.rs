//! Batch of facts for the `handle` callback, with the record of each fact.

use factline::{Delivery, Fact};

use super::letters::Letter;
use super::offsets::Places;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::records::record::Record;

/// Facts of several partitions, in the order of each partition, and the records from which they
/// were read.
pub(crate) struct Batch<E> {
    pub(crate) facts: Vec<Fact<E>>,
    /// The record of each fact.
    records: Vec<Record>,
    /// Facts to be parked instead.
    letters: Vec<Letter>,
    /// Every record that was read, including those that contain no fact for this subscription.
    read: Vec<(TopicPartition, i64)>,
}

impl<E> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            facts: Vec::new(),
            records: Vec::new(),
            letters: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Returns the number of records that were read.
    pub(crate) fn len(&self) -> usize {
        self.read.len()
    }

    /// Adds a record with its fact.
    pub(crate) fn push(&mut self, record: Record, fact: Fact<E>) {
        self.pass(&record);
        self.facts.push(fact);
        self.records.push(record);
    }

    /// Adds a record that contains no fact to be handled.
    pub(crate) fn pass(&mut self, record: &Record) {
        self.read.push((place(record), record.offset));
    }

    /// Adds a record to be parked.
    pub(crate) fn park(&mut self, letter: Letter) {
        self.pass(&letter.record);
        self.letters.push(letter);
    }

    /// Returns the record of a fact.
    pub(crate) fn record(&self, fact: usize) -> Option<&Record> {
        self.records.get(fact)
    }

    /// Removes a fact. Its record counts as handled.
    pub(crate) fn skip(&mut self, fact: usize) {
        self.facts.remove(fact);
        self.records.remove(fact);
    }

    /// Removes a fact that cannot be handled, and the later ones of its key. They are to be parked.
    /// Returns their letters.
    pub(crate) fn park_from(&mut self, fact: usize, reason: &str) -> &[Letter] {
        let begun = self.letters.len();
        let failed = self.records[fact].clone();
        let is_behind = |record: &Record| {
            record.is_of(&place(&failed))
                && record.key == failed.key
                && record.offset > failed.offset
        };
        self.letters.push(Letter::failed(&failed, reason));
        let behind = self.records.iter().filter(|record| is_behind(record));
        self.letters.extend(behind.map(Letter::behind));
        let keep = |record: &Record| !is_behind(record) && record.place() != failed.place();
        let kept = std::mem::take(&mut self.facts).into_iter();
        let kept = kept.zip(std::mem::take(&mut self.records));
        (self.facts, self.records) = kept.filter(|(_, record)| keep(record)).unzip();
        &self.letters[begun..]
    }

    /// Returns the facts to be parked.
    pub(crate) fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// Returns the number of the commands for each fact.
    pub(crate) fn deliveries(&self, places: &Places) -> Vec<Option<Delivery>> {
        let records = self.records.iter();
        records
            .map(|record| places.delivery(&place(record), record.offset))
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
        let keeps = |record: &Record| keep(&place(record), record.offset);
        let kept = std::mem::take(&mut self.facts).into_iter();
        let kept = kept.zip(std::mem::take(&mut self.records));
        (self.facts, self.records) = kept.filter(|(_, record)| keeps(record)).unzip();
        self.letters.retain(|letter| keeps(&letter.record));
        self.read.retain(|(key, offset)| keep(key, *offset));
    }
}

/// Returns the partition of a record.
fn place(record: &Record) -> TopicPartition {
    (record.topic.clone(), record.partition)
}
