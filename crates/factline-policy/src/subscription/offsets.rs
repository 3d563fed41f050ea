//! Progress of each partition: the offset up to which records were handled, and the offset that is
//! committed. Pure bookkeeping.

use std::collections::{BTreeMap, VecDeque};

use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::records::record::Record;

/// One assigned partition.
#[derive(Debug)]
struct Place {
    /// Every record before this offset was handled.
    done: i64,
    /// Offset that the group has committed.
    committed: i64,
    stopped: bool,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<TopicPartition, Place>);

impl Places {
    /// Adds a partition at its committed offset. A halted partition may have no committed offset.
    pub(crate) fn insert(&mut self, key: TopicPartition, committed: Option<i64>) {
        let place = Place {
            done: committed.unwrap_or_default(),
            committed: committed.unwrap_or(i64::MAX),
            stopped: committed.is_none(),
        };
        self.0.insert(key, place);
    }

    pub(crate) fn remove(&mut self, key: &TopicPartition) {
        self.0.remove(key);
    }

    pub(crate) fn stop(&mut self, key: &TopicPartition) {
        if let Some(place) = self.0.get_mut(key) {
            place.stopped = true;
        }
    }

    /// Returns whether the record at this offset must still be handled by this member.
    pub(crate) fn wants(&self, key: &TopicPartition, offset: i64) -> bool {
        let place = self.0.get(key);
        place.is_some_and(|place| !place.stopped && place.done <= offset)
    }

    /// Marks every record before `next` as handled.
    pub(crate) fn done(&mut self, key: &TopicPartition, next: i64) {
        if let Some(place) = self.0.get_mut(key) {
            place.done = place.done.max(next);
        }
    }

    /// Returns the offsets that were reached but are not committed yet.
    pub(crate) fn uncommitted(&self) -> Vec<(TopicPartition, i64)> {
        let ahead = self
            .0
            .iter()
            .filter(|(_, place)| place.done > place.committed);
        ahead
            .map(|(key, place)| (key.clone(), place.done))
            .collect()
    }

    /// Marks offsets as committed.
    pub(crate) fn committed(&mut self, moves: &[(TopicPartition, i64)]) {
        for (key, next) in moves {
            if let Some(place) = self.0.get_mut(key) {
                place.committed = place.committed.max(*next);
            }
        }
    }

    /// Returns every partition that is not halted.
    pub(crate) fn following(&self) -> impl Iterator<Item = &TopicPartition> {
        let following = self.0.iter().filter(|(_, place)| !place.stopped);
        following.map(|(key, _)| key)
    }

    /// Returns every partition that is not halted, with its next offset. The offset is `None` while
    /// records of the partition are pending.
    pub(crate) fn followed(
        &self,
        pending: &VecDeque<Record>,
    ) -> Vec<(TopicPartition, Option<i64>)> {
        let waits = |key: &TopicPartition| pending.iter().any(|record| record.is_of(key));
        let followed = self.0.iter().filter(|(_, place)| !place.stopped);
        let followed =
            followed.map(|(key, place)| (key.clone(), (!waits(key)).then_some(place.done)));
        followed.collect()
    }

    /// Returns every assigned partition.
    pub(crate) fn keys(&self) -> Vec<TopicPartition> {
        self.0.keys().cloned().collect()
    }

    /// Returns the number of halted partitions.
    pub(crate) fn stopped(&self) -> usize {
        self.0.values().filter(|place| place.stopped).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> TopicPartition {
        ("a.b.events".to_owned(), partition)
    }

    #[test]
    fn handled_offsets_are_committed_once() {
        let mut places = Places::default();
        places.insert(key(0), Some(5));
        places.insert(key(1), Some(0));
        assert_eq!(places.uncommitted(), []);
        places.done(&key(0), 9);
        places.done(&key(0), 7);
        assert_eq!(places.uncommitted(), [(key(0), 9)]);
        places.committed(&[(key(0), 9)]);
        assert_eq!(places.uncommitted(), []);
    }

    #[test]
    fn revoked_partition_is_neither_wanted_nor_committed() {
        let mut places = Places::default();
        places.insert(key(0), Some(0));
        assert!(places.wants(&key(0), 0));
        places.remove(&key(0));
        places.done(&key(0), 3);
        assert!(!places.wants(&key(0), 3));
        assert_eq!(places.uncommitted(), []);
    }

    #[test]
    fn halted_partition_commits_earlier_offsets_and_wants_no_more() {
        let mut places = Places::default();
        places.insert(key(0), Some(0));
        places.insert(key(1), None);
        places.stop(&key(0));
        places.done(&key(0), 3);
        assert_eq!(places.uncommitted(), [(key(0), 3)]);
        assert!(!places.wants(&key(0), 3) && !places.wants(&key(1), 3));
        assert_eq!((places.stopped(), places.following().count()), (2, 0));
    }
}
