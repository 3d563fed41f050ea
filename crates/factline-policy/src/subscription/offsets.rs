//! Progress of each partition: the offset up to which records were handled, and the offset that is
//! committed. Pure bookkeeping.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use factline::Delivery;

use super::group_offsets::Committed;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::records::record::Record;

/// One assigned partition.
#[derive(Debug)]
struct Place {
    /// Every record before this offset was handled.
    done: i64,
    /// Offset that the group has committed.
    committed: Committed,
    /// Name of the group and this partition as a sender of commands.
    sender: Arc<str>,
    stopped: bool,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<TopicPartition, Place>);

impl Places {
    /// Adds a partition at its committed offset.
    pub(crate) fn insert(&mut self, key: TopicPartition, committed: Committed, sender: Arc<str>) {
        let place = Place {
            done: committed.offset,
            committed,
            sender,
            stopped: false,
        };
        self.0.insert(key, place);
    }

    /// Adds a halted partition, which may have no committed offset.
    pub(crate) fn insert_halted(&mut self, key: &TopicPartition) {
        let (offset, run) = (i64::MAX, i64::MAX);
        self.insert(key.clone(), Committed { offset, run }, Arc::default());
        self.stop(key);
    }

    /// Returns the number of the commands for a record, see [`Delivery`]. What the group has
    /// committed is settled: no instance handles it again. What was acknowledged and is not
    /// committed yet may still be sent again.
    pub(crate) fn delivery(&self, key: &TopicPartition, offset: i64) -> Option<Delivery> {
        let place = self.0.get(key)?;
        let number = |offset: i64| u64::try_from(offset).ok();
        Some(Delivery {
            sender: Arc::clone(&place.sender),
            number: number(offset)?,
            settled: number(place.committed.run)?..number(place.committed.offset)?,
        })
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
    pub(crate) fn uncommitted(&self) -> Vec<(TopicPartition, Committed)> {
        let ahead = self
            .0
            .iter()
            .filter(|(_, place)| place.done > place.committed.offset);
        let moved = |place: &Place| Committed {
            offset: place.done,
            ..place.committed
        };
        ahead
            .map(|(key, place)| (key.clone(), moved(place)))
            .collect()
    }

    /// Marks offsets as committed.
    pub(crate) fn committed(&mut self, moves: &[(TopicPartition, Committed)]) {
        for (key, moved) in moves {
            if let Some(place) = self.0.get_mut(key) {
                place.committed.offset = place.committed.offset.max(moved.offset);
            }
        }
    }

    /// Returns every partition that is not halted, with the offset of its next record.
    pub(crate) fn following(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        let following = self.0.iter().filter(|(_, place)| !place.stopped);
        following.map(|(key, place)| (key, place.done))
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

    fn committed(offset: i64, run: i64) -> Committed {
        Committed { offset, run }
    }

    #[test]
    fn handled_offsets_are_committed_once() {
        let mut places = Places::default();
        places.insert(key(0), committed(5, 2), Arc::default());
        places.insert(key(1), committed(0, 0), Arc::default());
        assert_eq!(places.uncommitted(), []);
        places.done(&key(0), 9);
        places.done(&key(0), 7);
        assert_eq!(places.uncommitted(), [(key(0), committed(9, 2))]);
        places.committed(&[(key(0), committed(9, 2))]);
        assert_eq!(places.uncommitted(), []);
    }

    #[test]
    fn revoked_partition_is_neither_wanted_nor_committed() {
        let mut places = Places::default();
        places.insert(key(0), committed(0, 0), Arc::default());
        assert!(places.wants(&key(0), 0));
        places.remove(&key(0));
        places.done(&key(0), 3);
        assert!(!places.wants(&key(0), 3));
        assert_eq!(places.uncommitted(), []);
        assert_eq!(places.delivery(&key(0), 3), None);
    }

    #[test]
    fn halted_partition_commits_earlier_offsets_and_wants_no_more() {
        let mut places = Places::default();
        places.insert(key(0), committed(0, 0), Arc::default());
        places.insert_halted(&key(1));
        places.stop(&key(0));
        places.done(&key(0), 3);
        assert_eq!(places.uncommitted(), [(key(0), committed(3, 0))]);
        assert!(!places.wants(&key(0), 3) && !places.wants(&key(1), 3));
        assert_eq!((places.stopped(), places.following().count()), (2, 0));
    }

    /// A handled record that is not committed may be handled again by the next instance.
    #[test]
    fn only_committed_records_are_settled() {
        let mut places = Places::default();
        places.insert(key(0), committed(5, 2), "a".into());
        places.done(&key(0), 9);
        let settled = |places: &Places| places.delivery(&key(0), 11).map(|found| found.settled);
        assert_eq!(settled(&places), Some(2..5));
        places.committed(&[(key(0), committed(9, 2))]);
        assert_eq!(settled(&places), Some(2..9));
    }
}
