//! The ids of commands that were decided within a time window, so that no command is decided twice,
//! and the operations of idempotency scopes.
//!
//! It holds the commands of senders that do not number them, see [`senders`](super::senders). The
//! window uses the partition's own time: the append times of its commands. So an old backlog evicts
//! no id too early. A command that is older than the window is refused by its age, see `too_old`.
//!
//! The oldest ids can move to the disk.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::Timestamp;
use uuid::Uuid;

use super::disk::{Area, Change, Disk, DiskError};

/// Approximate bytes of an id in memory.
const ENTRY: u64 = 88;

/// Maximum number of ids that are removed from the disk at once.
const EXPIRED_AT_ONCE: usize = 2000;

/// A map from ids to ids whose entries expire after the length of the window.
#[derive(Debug)]
pub(crate) struct Window {
    length: TimeDelta,
    /// Each key with its time in microseconds.
    known: HashMap<Uuid, (i64, Uuid)>,
    by_time: VecDeque<(i64, Uuid)>,
    /// The latest time of a key, in microseconds.
    now: i64,
    disk: Area,
    /// Number of keys that were moved to the disk and have not been removed from it.
    on_disk: usize,
    /// No key on the disk has an earlier time.
    oldest_on_disk: i64,
}

impl Window {
    pub(crate) fn new(length: TimeDelta, disk: &Arc<Disk>) -> Self {
        Self {
            length,
            known: HashMap::new(),
            by_time: VecDeque::new(),
            now: 0,
            disk: Area::of(disk),
            on_disk: 0,
            oldest_on_disk: i64::MAX,
        }
    }

    pub(crate) fn length(&self) -> TimeDelta {
        self.length
    }

    /// Returns the value of a key that has not expired.
    pub(crate) fn get(&self, key: &Uuid) -> Result<Option<Uuid>, DiskError> {
        match self.get_in_memory(key) {
            Some(value) => Ok(Some(value)),
            None => self.get_on_disk(key),
        }
    }

    /// Returns the value of a key in memory.
    pub(crate) fn get_in_memory(&self, key: &Uuid) -> Option<Uuid> {
        self.known.get(key).map(|(_, value)| *value)
    }

    /// Returns the value of a key on the disk that has not expired.
    pub(crate) fn get_on_disk(&self, key: &Uuid) -> Result<Option<Uuid>, DiskError> {
        if self.on_disk == 0 {
            return Ok(None);
        }
        let found = self.disk.get(&by_key(*key))?;
        let found = found.as_deref().and_then(read);
        Ok(found.and_then(|(time, value)| (!self.is_past(time)).then_some(value)))
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.known.len() + self.on_disk
    }

    /// Returns whether keys are on the disk.
    pub(crate) fn is_any_on_disk(&self) -> bool {
        self.on_disk > 0
    }

    /// Returns the approximate size in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.known.len() as u64 * ENTRY
    }

    fn is_past(&self, time: i64) -> bool {
        let length = self.length.num_microseconds().unwrap_or(i64::MAX);
        self.now.saturating_sub(time) > length
    }

    /// Adds a key, and removes those in memory that have expired.
    pub(crate) fn add(&mut self, key: Uuid, value: Uuid, time: Timestamp) {
        let time = time.timestamp_micros();
        self.now = self.now.max(time);
        self.known.insert(key, (time, value));
        self.by_time.push_back((time, key));
        while let Some((oldest, _)) = self.by_time.front()
            && self.is_past(*oldest)
        {
            self.take_oldest();
        }
    }

    /// Removes the oldest entry of `by_time`, and its key unless a later entry has renewed it.
    fn take_oldest(&mut self) -> Option<(i64, Uuid, Uuid)> {
        let (time, key) = self.by_time.pop_front()?;
        let (renewed, value) = *self.known.get(&key)?;
        if renewed != time {
            return None;
        }
        self.known.remove(&key);
        Some((time, key, value))
    }

    /// Moves the oldest keys to the disk: at most `count`. Returns how many.
    pub(crate) fn move_to_disk(&mut self, count: usize) -> Result<usize, DiskError> {
        let mut changes: Vec<Change> = Vec::with_capacity(2 * count);
        for _ in 0..count.min(self.by_time.len()) {
            if let Some((time, key, value)) = self.take_oldest() {
                changes.push((by_key(key), Some(written(time, value))));
                changes.push((by_time(time, key), Some(Vec::new())));
                self.oldest_on_disk = self.oldest_on_disk.min(time);
                self.on_disk += 1;
            }
        }
        let moved = changes.len() / 2;
        self.disk.write(changes)?;
        Ok(moved)
    }

    /// Removes some of the keys on the disk that have expired.
    pub(crate) fn expire_on_disk(&mut self) -> Result<(), DiskError> {
        if self.on_disk == 0 || !self.is_past(self.oldest_on_disk) {
            return Ok(());
        }
        let (mut changes, mut oldest): (Vec<Change>, _) = (Vec::new(), i64::MAX);
        for entry in self.disk.entries(&[TIME]).take(EXPIRED_AT_ONCE) {
            let (place, _) = entry?;
            let Some((time, key)) = read_place(&place) else {
                continue;
            };
            if !self.is_past(time) {
                oldest = time;
                break;
            }
            oldest = time;
            // A later move may have renewed the key.
            let known = self.disk.get(&by_key(key))?;
            if known
                .as_deref()
                .and_then(read)
                .is_some_and(|known| known.0 == time)
            {
                changes.push((by_key(key), None));
            }
            changes.push((place, None));
            self.on_disk -= 1;
        }
        self.oldest_on_disk = oldest;
        self.disk.write(changes)
    }
}

/// First bytes of the keys on disk: the first kind is found by its id, the second by its time.
const KEY: u8 = b'k';
const TIME: u8 = b't';

fn by_key(key: Uuid) -> Vec<u8> {
    [&[KEY][..], key.as_bytes()].concat()
}

/// Times before 1970 sort last, which only keeps them longer.
fn by_time(time: i64, key: Uuid) -> Vec<u8> {
    [&[TIME][..], &time.to_be_bytes(), key.as_bytes()].concat()
}

fn written(time: i64, value: Uuid) -> Vec<u8> {
    [&time.to_be_bytes()[..], value.as_bytes()].concat()
}

fn read(bytes: &[u8]) -> Option<(i64, Uuid)> {
    let (time, value) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*time), Uuid::from_slice(value).ok()?))
}

fn read_place(place: &[u8]) -> Option<(i64, Uuid)> {
    read(place.strip_prefix(&[TIME])?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn window(folder: &tempfile::TempDir) -> Window {
        let disk = Arc::new(Disk::new(folder.path().to_owned(), 2 << 20));
        Window::new(TimeDelta::seconds(10), &disk)
    }

    fn get(window: &Window, key: u128) -> Option<u128> {
        window.get(&id(key)).unwrap().map(|value| value.as_u128())
    }

    #[test]
    fn key_expires_after_the_window() {
        let folder = tempfile::tempdir().unwrap();
        let mut window = window(&folder);
        window.add(id(1), id(101), at(0));
        window.add(id(2), id(102), at(10));
        assert_eq!((get(&window, 1), window.len()), (Some(101), 2));
        window.add(id(2), id(103), at(11));
        assert_eq!((get(&window, 1), get(&window, 2)), (None, Some(103)));
        // The second's first entry leaves; its later one stays.
        window.add(id(3), id(104), at(21));
        assert_eq!(get(&window, 2), Some(103));
    }

    #[test]
    fn key_on_disk_is_found_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let mut window = window(&folder);
        for number in 0..100 {
            window.add(id(number), id(1000 + number), at(0));
        }
        window.move_to_disk(60).unwrap();
        assert_eq!((window.len(), window.bytes()), (100, 40 * ENTRY));
        assert_eq!(
            (get(&window, 7), get(&window, 99), get(&window, 100)),
            (Some(1007), Some(1099), None)
        );
        window.add(id(200), id(1), at(11));
        assert_eq!(
            (get(&window, 7), get(&window, 99), get(&window, 200)),
            (None, None, Some(1))
        );
        window.expire_on_disk().unwrap();
        assert_eq!(window.len(), 1);
        assert_eq!(window.disk.entries(&[]).count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Whatever moves to the disk and when, a key is found exactly as long as it would be in
        /// memory.
        #[test]
        fn disk_makes_no_difference(
            steps in prop::collection::vec((0_u128..12, 0_i64..4, 0_usize..4), 1..60),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut moved = window(&folder);
            let mut in_memory = window(&folder);
            let mut time = 0;
            for (index, (key, pause, count)) in steps.into_iter().enumerate() {
                time += pause;
                let value = id(1000 + index as u128);
                moved.add(id(key), value, at(time));
                in_memory.add(id(key), value, at(time));
                moved.move_to_disk(count).unwrap();
                moved.expire_on_disk().unwrap();
                for key in 0..12 {
                    prop_assert_eq!(get(&moved, key), get(&in_memory, key), "key {} at {}", key, time);
                }
            }
        }
    }
}
