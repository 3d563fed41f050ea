//! Parked keys: facts that could not be handled, and the later facts of the same key, which wait
//! for them. Pure bookkeeping; the facts themselves are [letters](super::letters).

use std::collections::BTreeMap;

use super::letters::{Letter, Waits};
use factline_kafka::consumer::group::TopicPartition;

/// Maximum number of parked keys of a partition. Then it halts instead, because the code fails for
/// any fact.
const MOST_KEYS: usize = 1000;

/// The parked facts of one key, by their offsets.
type Facts = BTreeMap<i64, Waits>;

/// The parked keys of the assigned partitions. There is no order between topics, so a key is parked
/// in each of them on its own.
#[derive(Debug, Default)]
pub(crate) struct Parked(BTreeMap<TopicPartition, BTreeMap<Vec<u8>, Facts>>);

impl Parked {
    /// Returns whether facts of this key are parked.
    pub(crate) fn holds(&self, place: &TopicPartition, key: Option<&[u8]>) -> bool {
        let keys = self.0.get(place);
        keys.zip(key)
            .is_some_and(|(keys, key)| keys.contains_key(key))
    }

    /// Takes the state of a letter: its fact is parked, or no longer.
    pub(crate) fn add(&mut self, letter: &Letter) {
        let (place, key, offset) = (letter.place(), letter.key(), letter.record.offset);
        match letter.waits {
            Some(waits) => self.park(&place, key, offset, waits),
            None => self.settle(&place, key, offset),
        }
    }

    /// Parks a fact, or changes why it is parked.
    pub(crate) fn park(&mut self, place: &TopicPartition, key: &[u8], offset: i64, waits: Waits) {
        let keys = self.0.entry(place.clone()).or_default();
        keys.entry(key.to_vec()).or_default().insert(offset, waits);
    }

    /// Removes a fact that was handled or discarded.
    pub(crate) fn settle(&mut self, place: &TopicPartition, key: &[u8], offset: i64) {
        let Some(keys) = self.0.get_mut(place) else {
            return;
        };
        if let Some(facts) = keys.get_mut(key) {
            facts.remove(&offset);
            if facts.is_empty() {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            self.0.remove(place);
        }
    }

    /// Removes the keys of a partition.
    pub(crate) fn release(&mut self, place: &TopicPartition) {
        self.0.remove(place);
    }

    /// Returns the key whose first fact may be handled now, with the offset: an operator has asked
    /// for it, or the facts before it are settled.
    pub(crate) fn first_due(&self) -> Option<(TopicPartition, i64)> {
        self.0.iter().find_map(|(place, keys)| {
            let mut firsts = keys.values().filter_map(BTreeMap::first_key_value);
            let due = firsts.find(|(_, waits)| **waits != Waits::Failed);
            due.map(|(offset, _)| (place.clone(), *offset))
        })
    }

    /// Returns whether nothing is parked.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether no more keys of a partition may be parked: the fault cannot be in the facts.
    pub(crate) fn is_full(&self, place: &TopicPartition) -> bool {
        self.0
            .get(place)
            .is_some_and(|keys| keys.len() >= MOST_KEYS)
    }

    /// Returns the number of parked keys.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> TopicPartition {
        ("events".to_owned(), partition)
    }

    #[test]
    fn facts_wait_for_those_of_their_key_and_partition() {
        let mut parked = Parked::default();
        parked.park(&place(0), b"ada", 5, Waits::Failed);
        parked.park(&place(0), b"ada", 8, Waits::Behind);
        parked.park(&place(1), b"ada", 2, Waits::Failed);
        assert!(parked.holds(&place(0), Some(b"ada")));
        assert!(!parked.holds(&place(0), Some(b"bob")));
        assert!(!parked.holds(&place(0), None));
        assert!(!parked.holds(&place(2), Some(b"ada")));
        assert_eq!((parked.len(), parked.first_due()), (2, None));

        parked.park(&place(0), b"ada", 5, Waits::Requested);
        assert_eq!(parked.first_due(), Some((place(0), 5)));
        parked.settle(&place(0), b"ada", 5);
        assert_eq!(parked.first_due(), Some((place(0), 8)));
        parked.park(&place(0), b"ada", 8, Waits::Failed);
        assert_eq!(parked.first_due(), None);
        parked.settle(&place(0), b"ada", 8);
        assert!(!parked.holds(&place(0), Some(b"ada")));
        parked.release(&place(1));
        assert!(parked.is_empty());
    }
}
