//! The aggregates of a partition: some in memory, the others on disk.
//!
//! A state that was not used for a while leaves memory when the process's budget is short. Those
//! whose life has ended leave first. What is on disk is the JSON of a snapshot with the checksum of
//! the newest written snapshot before it. A copy on disk is outdated while the state is in memory.
//!
//! The order in which states leave is that of the clock algorithm (second chance): each state comes
//! up in turn, and stays if it was used since its last turn.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use factline::Aggregate;

use super::aggregate::AggregateState;
use super::disk::{Area, Change, Disk, DiskError};
use crate::snapshot::record::{self, Unusable};

/// Maximum bytes of states that one write moves to the disk.
const MOVED_AT_ONCE: usize = 8 << 20;

/// A state cannot be read back from the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("state of {subject} on disk cannot be read")]
    Unusable { subject: String, source: Unusable },
}

/// The aggregates of a partition that have at least one event.
#[derive(Debug)]
pub(crate) struct Aggregates<A> {
    in_memory: HashMap<Arc<str>, Held<A>>,
    /// The ids of those in memory, in the order in which they come up.
    turns: VecDeque<Arc<str>>,
    disk: Area,
    /// Number of aggregates that are on disk only.
    on_disk: usize,
    /// Approximate size of those in memory.
    bytes: u64,
}

#[derive(Debug)]
struct Held<A> {
    stored: AggregateState<A>,
    was_used: Cell<bool>,
    /// The copy on disk equals the state.
    is_on_disk: bool,
}

/// An aggregate's snapshot: its JSON, and the checksum of the snapshot that was written before.
pub(crate) struct SnapshotOf {
    pub(crate) value: Vec<u8>,
    pub(crate) before: u64,
}

impl<A: Aggregate> Aggregates<A> {
    pub(crate) fn new(disk: &Arc<Disk>) -> Self {
        Self {
            in_memory: HashMap::new(),
            turns: VecDeque::new(),
            disk: Area::of(disk),
            on_disk: 0,
            bytes: 0,
        }
    }

    /// Returns an aggregate, if it is in memory.
    pub(crate) fn in_memory(&self, subject: &str) -> Option<&AggregateState<A>> {
        let held = self.in_memory.get(subject)?;
        held.was_used.set(true);
        Some(&held.stored)
    }

    /// Returns an aggregate that is on disk only.
    pub(crate) fn on_disk(&self, subject: &str) -> Result<Option<AggregateState<A>>, ReadError> {
        if self.on_disk == 0 || self.in_memory.contains_key(subject) {
            return Ok(None);
        }
        let Some(bytes) = self.disk.get(subject.as_bytes())? else {
            return Ok(None);
        };
        let (before, value) = split(&bytes);
        let mut stored = record::decode(value).map_err(|source| ReadError::Unusable {
            subject: subject.to_owned(),
            source,
        })?;
        stored.snapshot_checksum = before;
        stored.measure(subject);
        Ok(Some(stored))
    }

    /// Returns whether there is an aggregate.
    pub(crate) fn contains(&self, subject: &str) -> Result<bool, DiskError> {
        if self.in_memory.contains_key(subject) {
            return Ok(true);
        }
        Ok(self.on_disk > 0 && self.disk.get(subject.as_bytes())?.is_some())
    }

    /// Changes an aggregate, wherever it is. One without events is in its initial state. After an
    /// error the aggregate is lost: the caller must drop the partition.
    pub(crate) fn change<E: From<ReadError>>(
        &mut self,
        subject: &str,
        change: impl FnOnce(AggregateState<A>) -> Result<AggregateState<A>, E>,
    ) -> Result<(), E> {
        if let Some(held) = self.in_memory.get_mut(subject) {
            let before = std::mem::replace(&mut held.stored, AggregateState::initial());
            self.bytes -= u64::from(before.size);
            held.stored = change(before)?;
            held.was_used.set(!held.stored.state.has_ended());
            held.is_on_disk = false;
            self.bytes += u64::from(held.stored.size);
            return Ok(());
        }
        let stored = self.on_disk(subject)?;
        self.on_disk -= usize::from(stored.is_some());
        let changed = change(stored.unwrap_or_else(AggregateState::initial))?;
        self.put(subject.into(), changed);
        Ok(())
    }

    /// Puts an aggregate into memory that is new or has changed. Its size is measured.
    pub(crate) fn put(&mut self, subject: Arc<str>, stored: AggregateState<A>) {
        self.hold(subject, stored, false);
    }

    /// Puts an aggregate into memory that was read from the disk.
    pub(crate) fn put_unchanged(&mut self, subject: Arc<str>, stored: AggregateState<A>) {
        self.hold(subject, stored, true);
    }

    fn hold(&mut self, subject: Arc<str>, stored: AggregateState<A>, is_on_disk: bool) {
        self.bytes += u64::from(stored.size);
        let has_ended = stored.state.has_ended();
        let held = Held {
            stored,
            was_used: Cell::new(!has_ended),
            is_on_disk,
        };
        match self.in_memory.insert(Arc::clone(&subject), held) {
            Some(before) => self.bytes -= u64::from(before.stored.size),
            None if has_ended => self.turns.push_front(subject),
            None => self.turns.push_back(subject),
        }
    }

    /// Counts that an aggregate of the disk was put into memory.
    pub(crate) fn left_disk(&mut self) {
        self.on_disk = self.on_disk.saturating_sub(1);
    }

    /// Moves at most `count` aggregates to the disk, and returns how many.
    pub(crate) fn move_to_disk(&mut self, count: usize) -> Result<usize, DiskError> {
        let (mut changes, mut size): (Vec<Change>, usize) = (Vec::new(), 0);
        let mut left = Vec::new();
        // Each comes up at most twice.
        for _ in 0..2 * self.turns.len() {
            if left.len() == count || size > MOVED_AT_ONCE {
                break;
            }
            let Some(subject) = self.turns.pop_front() else {
                break;
            };
            let Some(held) = self.in_memory.get(&subject) else {
                continue;
            };
            if held.was_used.replace(false) {
                self.turns.push_back(subject);
                continue;
            }
            if !held.is_on_disk {
                // A state that cannot be read back must stay.
                let Some(value) = readable(&held.stored) else {
                    self.turns.push_back(subject);
                    continue;
                };
                size += value.len();
                let value = joined(held.stored.snapshot_checksum, &value);
                changes.push((subject.as_bytes().to_vec(), Some(value)));
            }
            left.push(subject);
        }
        self.disk.write(changes)?;
        let moved = left.len();
        for subject in left {
            if let Some(held) = self.in_memory.remove(&subject) {
                self.bytes -= u64::from(held.stored.size);
                self.on_disk += 1;
            }
        }
        Ok(moved)
    }

    /// Measures those in memory.
    pub(crate) fn measure(&mut self) {
        self.bytes = 0;
        for (subject, held) in &mut self.in_memory {
            held.stored.measure(subject);
            self.bytes += u64::from(held.stored.size);
        }
    }

    /// Returns the snapshot of an aggregate. The inner error says why its state cannot be written.
    pub(crate) fn snapshot(
        &self,
        subject: &str,
    ) -> Result<Option<Result<SnapshotOf, Unusable>>, DiskError> {
        if let Some(held) = self.in_memory.get(subject) {
            let before = held.stored.snapshot_checksum;
            let value = record::encode(&held.stored);
            return Ok(Some(value.map(|value| SnapshotOf { value, before })));
        }
        let found = self.disk.get(subject.as_bytes())?;
        Ok(found.map(|bytes| {
            let (before, value) = split(&bytes);
            let value = value.to_vec();
            Ok(SnapshotOf { value, before })
        }))
    }

    /// Sets the checksum of the newest written snapshot of an aggregate.
    pub(crate) fn set_checksum(&mut self, subject: &str, checksum: u64) -> Result<(), DiskError> {
        if let Some(held) = self.in_memory.get_mut(subject) {
            held.stored.snapshot_checksum = checksum;
            held.is_on_disk = false;
            return Ok(());
        }
        let key = subject.as_bytes();
        let Some(bytes) = self.disk.get(key)? else {
            return Ok(());
        };
        let changed = joined(checksum, split(&bytes).1);
        self.disk.write(vec![(key.to_vec(), Some(changed))])
    }

    /// Returns the checksum of the newest written snapshot of an aggregate; 0 if it has none.
    pub(crate) fn checksum(&self, subject: &str) -> Result<u64, DiskError> {
        if let Some(held) = self.in_memory.get(subject) {
            return Ok(held.stored.snapshot_checksum);
        }
        if self.on_disk == 0 {
            return Ok(0);
        }
        let found = self.disk.get(subject.as_bytes())?;
        Ok(found.map_or(0, |bytes| split(&bytes).0))
    }

    /// Returns the approximate size of those in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + self.turns.len() as u64 * size_of::<Arc<str>>() as u64
    }

    /// Returns the number of aggregates.
    pub(crate) fn len(&self) -> usize {
        self.in_memory.len() + self.on_disk
    }

    /// Returns the number of aggregates that are on disk only.
    pub(crate) fn len_on_disk(&self) -> usize {
        self.on_disk
    }
}

/// Returns the JSON of a state, if it can be read back.
fn readable<A: Aggregate>(stored: &AggregateState<A>) -> Option<Vec<u8>> {
    let value = record::encode(stored).ok()?;
    record::decode::<A>(&value).ok()?;
    Some(value)
}

fn joined(checksum: u64, value: &[u8]) -> Vec<u8> {
    [&checksum.to_be_bytes()[..], value].concat()
}

fn split(bytes: &[u8]) -> (u64, &[u8]) {
    match bytes.split_first_chunk() {
        Some((checksum, value)) => (u64::from_be_bytes(*checksum), value),
        None => (0, bytes),
    }
}
