//! The aggregates of a partition: some in memory, the others on disk.
//!
//! A state that was not used for a while leaves memory when the process's budget is short. Those
//! whose life has ended leave first. What is on disk is the JSON of a snapshot with the checksum of
//! the newest written snapshot before it. A copy on disk is outdated while the state is in memory.
//!
//! The order in which states leave is that of the clock algorithm (second chance): each state comes
//! up in turn, and stays if it was used since its last turn.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use factline::Aggregate;

use super::aggregate::AggregateState;
use super::disk::{Area, Change, Disk, DiskError};
use super::disk_form::{self, Entry};
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
    /// Number of aggregates in the list on disk.
    listed: usize,
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
            listed: 0,
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
        let Some(bytes) = self.disk.get(&disk_form::key(subject))? else {
            return Ok(None);
        };
        let entry = Entry::read(&bytes);
        let mut stored = record::decode(entry.json).map_err(|source| ReadError::Unusable {
            subject: subject.to_owned(),
            source,
        })?;
        stored.snapshot_checksum = entry.checksum;
        stored.is_listed = entry.is_listed;
        stored.set_size(subject, entry.json.len());
        Ok(Some(stored))
    }

    /// Returns whether there is an aggregate.
    pub(crate) fn contains(&self, subject: &str) -> Result<bool, DiskError> {
        if self.in_memory.contains_key(subject) {
            return Ok(true);
        }
        Ok(self.on_disk > 0 && self.disk.get(&disk_form::key(subject))?.is_some())
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

    /// Moves at most `count` aggregates to the disk, and returns how many. Those of `unwritten`,
    /// whose snapshot is to be written, move from there to the list on disk.
    pub(crate) fn move_to_disk(
        &mut self,
        count: usize,
        unwritten: &mut HashSet<Arc<str>>,
    ) -> Result<usize, DiskError> {
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
            // One that has not changed since it was read from the disk is in the list already.
            if !held.is_on_disk {
                // A state that cannot be read back must stay.
                let Some(json) = readable(&held.stored) else {
                    self.turns.push_back(subject);
                    continue;
                };
                size += json.len();
                let is_unwritten = unwritten.remove(&subject);
                if is_unwritten && !held.stored.is_listed {
                    changes.push((disk_form::place(&subject), Some(Vec::new())));
                    self.listed += 1;
                }
                let entry = Entry {
                    checksum: held.stored.snapshot_checksum,
                    is_listed: is_unwritten || held.stored.is_listed,
                    json: &json,
                };
                changes.push((disk_form::key(&subject), Some(entry.to_bytes())));
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

    /// Measures those in memory whose size is outdated.
    pub(crate) fn measure(&mut self) {
        for (subject, held) in &mut self.in_memory {
            if !held.stored.is_measured {
                self.bytes -= u64::from(held.stored.size);
                held.stored.measure(subject);
                self.bytes += u64::from(held.stored.size);
            }
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
        let found = self.disk.get(&disk_form::key(subject))?;
        Ok(found.map(|bytes| {
            let entry = Entry::read(&bytes);
            let (value, before) = (entry.json.to_vec(), entry.checksum);
            Ok(SnapshotOf { value, before })
        }))
    }

    /// Records that snapshots of aggregates are written, with their checksums. The aggregates leave
    /// the list on disk.
    pub(crate) fn set_written(&mut self, written: &[(Arc<str>, u64)]) -> Result<(), DiskError> {
        let mut changes: Vec<Change> = Vec::new();
        for (subject, checksum) in written {
            let was_listed = if let Some(held) = self.in_memory.get_mut(subject) {
                held.stored.snapshot_checksum = *checksum;
                held.is_on_disk = false;
                std::mem::take(&mut held.stored.is_listed)
            } else {
                let key = disk_form::key(subject);
                let Some(bytes) = self.disk.get(&key)? else {
                    continue;
                };
                let before = Entry::read(&bytes);
                let after = Entry {
                    checksum: *checksum,
                    is_listed: false,
                    ..before
                };
                changes.push((key, Some(after.to_bytes())));
                before.is_listed
            };
            if was_listed {
                changes.push((disk_form::place(subject), None));
                self.listed -= 1;
            }
        }
        self.disk.write(changes)
    }

    /// Sets what an aggregate's next state says of its newest written snapshot.
    pub(crate) fn set_snapshot(
        &self,
        subject: &str,
        next: &mut AggregateState<A>,
    ) -> Result<(), DiskError> {
        let (mut checksum, mut is_listed) = (0, false);
        if let Some(held) = self.in_memory.get(subject) {
            (checksum, is_listed) = (held.stored.snapshot_checksum, held.stored.is_listed);
        } else if self.on_disk > 0
            && let Some(bytes) = self.disk.get(&disk_form::key(subject))?
        {
            let entry = Entry::read(&bytes);
            (checksum, is_listed) = (entry.checksum, entry.is_listed);
        }
        (next.snapshot_checksum, next.is_listed) = (checksum, is_listed);
        Ok(())
    }

    /// Returns whether the list on disk of aggregates whose snapshot is to be written has any.
    pub(crate) fn is_any_listed(&self) -> bool {
        self.listed > 0
    }

    /// Returns the aggregates of that list from an id on, in the order of their ids.
    pub(crate) fn listed_from(
        &self,
        id: &str,
    ) -> impl Iterator<Item = Result<Arc<str>, DiskError>> + use<A> {
        let begin = disk_form::place(id);
        let places = self.disk.range(&begin..disk_form::LIST_END);
        places.filter_map(|place| match place {
            Ok((place, _)) => disk_form::subject(&place).map(|subject| Ok(subject.into())),
            Err(error) => Some(Err(error)),
        })
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
