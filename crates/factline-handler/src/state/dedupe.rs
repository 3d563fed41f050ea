//! The ids of commands that were decided within a time window, so that no command is decided twice.
//!
//! The window uses the partition's own time: the append times of its commands. So an old backlog
//! evicts no id too early. A command that is older than the window is refused by its age, see
//! `too_old`.

use std::collections::{HashMap, VecDeque};

use chrono::TimeDelta;
use factline::Timestamp;
use uuid::Uuid;

/// A map whose entries expire after the length of the window.
#[derive(Debug)]
pub(crate) struct Window<V> {
    length: TimeDelta,
    /// Each key with its time in microseconds.
    known: HashMap<Uuid, (i64, V)>,
    by_time: VecDeque<(i64, Uuid)>,
}

impl<V> Window<V> {
    pub(crate) fn new(length: TimeDelta) -> Self {
        Self {
            length,
            known: HashMap::new(),
            by_time: VecDeque::new(),
        }
    }

    pub(crate) fn length(&self) -> TimeDelta {
        self.length
    }

    pub(crate) fn get(&self, key: &Uuid) -> Option<&V> {
        self.known.get(key).map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns the number of keys that have not expired at a time.
    pub(crate) fn len_at(&self, time: Timestamp) -> usize {
        let past = self
            .by_time
            .iter()
            .take_while(|(oldest, _)| self.is_past(*oldest, time.timestamp_micros()));
        // Some of these may have been added again later, which makes the result too low, never too
        // high.
        self.known.len().saturating_sub(past.count())
    }

    fn is_past(&self, time: i64, now: i64) -> bool {
        let length = self.length.num_microseconds().unwrap_or(i64::MAX);
        now.saturating_sub(time) > length
    }

    /// Adds a key, and removes those that have expired.
    pub(crate) fn add(&mut self, key: Uuid, value: V, time: Timestamp) {
        let now = time.timestamp_micros();
        self.known.insert(key, (now, value));
        self.by_time.push_back((now, key));
        while let Some((oldest, key)) = self.by_time.front().copied() {
            if !self.is_past(oldest, now) {
                break;
            }
            self.by_time.pop_front();
            // A later entry of the same key has renewed it.
            if self
                .known
                .get(&key)
                .is_some_and(|(time, _)| *time == oldest)
            {
                self.known.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn key_expires_after_the_window() {
        let mut window = Window::new(TimeDelta::seconds(10));
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        window.add(first, "a", at(0));
        window.add(second, "b", at(10));
        assert_eq!((window.get(&first), window.len()), (Some(&"a"), 2));
        window.add(second, "c", at(11));
        assert_eq!(
            (window.get(&first), window.get(&second)),
            (None, Some(&"c"))
        );
        // The second's first entry leaves; its later one stays.
        window.add(Uuid::from_u128(3), "d", at(21));
        assert_eq!(window.get(&second), Some(&"c"));
    }
}
