//! How far each partition has come: what was carried out, what of that is committed. Pure bookkeeping.

use std::collections::{BTreeMap, VecDeque};

use factline_kafka::consumer::group::Key;
use factline_kafka::records::record::Record;

/// One assigned partition.
#[derive(Debug)]
struct Place {
    /// Everything before this offset was carried out.
    done: i64,
    /// As the group has it.
    committed: i64,
    stopped: bool,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<Key, Place>);

impl Places {
    /// Takes a partition in where the group has come to; one that is stopped may have no such place.
    pub(crate) fn insert(&mut self, key: Key, committed: Option<i64>) {
        let place = Place {
            done: committed.unwrap_or_default(),
            committed: committed.unwrap_or(i64::MAX),
            stopped: committed.is_none(),
        };
        self.0.insert(key, place);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }

    pub(crate) fn stop(&mut self, key: &Key) {
        if let Some(place) = self.0.get_mut(key) {
            place.stopped = true;
        }
    }

    /// Whether the record at this offset is still to be carried out, and by us.
    pub(crate) fn wants(&self, key: &Key, offset: i64) -> bool {
        let place = self.0.get(key);
        place.is_some_and(|place| !place.stopped && place.done <= offset)
    }

    /// Everything before `next` was carried out.
    pub(crate) fn done(&mut self, key: &Key, next: i64) {
        if let Some(place) = self.0.get_mut(key) {
            place.done = place.done.max(next);
        }
    }

    /// What the group does not know yet.
    pub(crate) fn uncommitted(&self) -> Vec<(Key, i64)> {
        let ahead = self
            .0
            .iter()
            .filter(|(_, place)| place.done > place.committed);
        ahead
            .map(|(key, place)| (key.clone(), place.done))
            .collect()
    }

    /// The group knows.
    pub(crate) fn committed(&mut self, moves: &[(Key, i64)]) {
        for (key, next) in moves {
            if let Some(place) = self.0.get_mut(key) {
                place.committed = place.committed.max(*next);
            }
        }
    }

    /// Every partition that goes on.
    pub(crate) fn following(&self) -> impl Iterator<Item = &Key> {
        let following = self.0.iter().filter(|(_, place)| !place.stopped);
        following.map(|(key, _)| key)
    }

    /// Those that go on: from which record on, or none while some are pending.
    pub(crate) fn followed(&self, pending: &VecDeque<Record>) -> Vec<(Key, Option<i64>)> {
        let waits = |key: &Key| pending.iter().any(|record| record.is_of(key));
        let followed = self.0.iter().filter(|(_, place)| !place.stopped);
        let followed =
            followed.map(|(key, place)| (key.clone(), (!waits(key)).then_some(place.done)));
        followed.collect()
    }

    /// Every partition.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.0.keys().cloned().collect()
    }

    /// How many are stopped.
    pub(crate) fn stopped(&self) -> usize {
        self.0.values().filter(|place| place.stopped).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> Key {
        ("a.b.events".to_owned(), partition)
    }

    #[test]
    fn only_what_was_done_is_committed_and_only_once() {
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
    fn nothing_is_wanted_or_committed_of_a_partition_that_left() {
        let mut places = Places::default();
        places.insert(key(0), Some(0));
        assert!(places.wants(&key(0), 0));
        places.remove(&key(0));
        places.done(&key(0), 3);
        assert!(!places.wants(&key(0), 3));
        assert_eq!(places.uncommitted(), []);
    }

    #[test]
    fn a_stopped_partition_commits_what_came_before_and_wants_no_more() {
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
