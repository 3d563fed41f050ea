//! The committed state of one partition. It is only ever what Kafka has committed.
//!
//! A batch is decided against an [`Overlay`](super::overlay::Overlay), whose changes are adopted
//! after the commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use factline::{Aggregate, Delivery, Envelope, EventOf, Timestamp, id};
use uuid::Uuid;

use super::aggregate::AggregateState;
use super::aggregates::{Aggregates, ReadError};
use super::changes::Changes;
use super::dedupe::Window;
use super::disk::DiskError;
use super::memory::{MOVED, Share};
use super::resources::Shared;
use super::senders::Senders;
use crate::decide::record_factory::RecordFactory;
use crate::snapshot::cover::{Cover, Tail};
use crate::snapshot::load::Loaded;
use crate::snapshot::round::{SnapshotError, Snapshots, Writing};

/// Settings of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Time for which an operation is remembered.
    pub(crate) window: TimeDelta,
    /// Events between two rounds of snapshots; 0 means no snapshots.
    pub(crate) snapshots_every: u64,
    /// Memory and disk, which all partitions of the process share.
    pub(crate) shared: Shared,
}

/// Approximate bytes of a deadline in the index, without the aggregate's id.
const DEADLINE: u64 = 64;

/// Returns the approximate bytes of the deadline of an aggregate in the index.
fn deadline_bytes(subject: &str) -> u64 {
    DEADLINE + subject.len() as u64
}

/// The committed state of one partition.
#[derive(Debug)]
pub(crate) struct Partition<A> {
    pub(super) aggregates: Aggregates<A>,
    snapshots: Snapshots,
    /// The aggregates with a deadline, by the time of the deadline.
    pub(super) deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// Approximate size of the index of deadlines. It keeps the ids of aggregates on disk.
    deadline_bytes: u64,
    /// Partition sequence of the last event.
    pub(super) sequence: u64,
    /// Offset of the events topic after the last event that the recovery has read.
    events_end: i64,
    /// The latest command time: times never run backwards within a partition.
    pub(super) time: Timestamp,
    /// Offset of the next command to be handled.
    pub(super) next: i64,
    /// The decided commands whose senders do not number them, each with the id of its outcome's
    /// record, and the operation of each idempotency scope.
    pub(super) decided: Window,
    pub(super) senders: Senders,
    bounds: Bounds,
    memory: Share,
}

/// An inconsistent history: it has two writers, or a gap. No worker may decide commands on such a
/// state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Corrupt {
    /// The partition's sequence has a hole or a repetition.
    #[error("event sequence {found} follows {last} in its partition")]
    Sequence {
        /// The last sequence before.
        last: u64,
        /// The sequence found.
        found: u64,
    },
    /// The aggregate's version has a hole or a repetition.
    #[error("version {found} of {subject} follows version {last}")]
    Version {
        /// The aggregate's id.
        subject: String,
        /// The last version before.
        last: u64,
        /// The version found.
        found: u64,
    },
    /// A number that every event carries is missing.
    #[error("header {name} is missing")]
    Unnumbered {
        /// The header.
        name: &'static str,
    },
}

/// An operation that was decided, from its outcome's record.
#[derive(Debug)]
pub(crate) struct Remembered<'r> {
    pub(crate) operation: Uuid,
    pub(crate) time: Timestamp,
    /// The outcome's own id, and the aggregate.
    pub(crate) record: Option<(Uuid, &'r str)>,
    pub(crate) scope: Option<Uuid>,
    pub(crate) delivery: Option<Delivery>,
    /// `true` if it is the operation of a deadline, which has no command.
    pub(crate) is_deadline: bool,
}

/// An event that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl<A: Aggregate> Partition<A> {
    /// Creates a partition before its first event, or from its snapshots.
    pub(crate) fn new(factory: &RecordFactory, bounds: &Bounds, loaded: Option<Loaded<A>>) -> Self {
        let Shared { memory, disk } = &bounds.shared;
        let loaded = loaded.unwrap_or_else(|| Loaded {
            cover: Cover::of_nothing(A::STATE_VERSION, factory.identity()),
            aggregates: Aggregates::new(disk),
            deadlines: BTreeSet::new(),
            memory: Share::of(memory),
        });
        let cover = loaded.cover;
        let ids = loaded.deadlines.iter().map(|(_, subject)| subject);
        Self {
            aggregates: loaded.aggregates,
            deadline_bytes: ids.map(|subject| deadline_bytes(subject)).sum(),
            deadlines: loaded.deadlines,
            sequence: cover.tail.sequence,
            events_end: cover.tail.offset,
            time: cover.tail.time,
            next: 0,
            decided: Window::new(bounds.window, disk),
            senders: Senders::default(),
            snapshots: Snapshots::new(cover, bounds.snapshots_every),
            memory: loaded.memory,
            bounds: bounds.clone(),
        }
    }

    /// Replays an event of the log, after checking that it is the next one.
    pub(crate) fn replay(
        &mut self,
        offset: i64,
        envelope: &Envelope,
        event: &EventOf<A::Type>,
    ) -> Result<(), ReplayError> {
        let sequence = envelope.partition_sequence.ok_or(Corrupt::Unnumbered {
            name: "ce_partitionsequence",
        })?;
        let version = envelope.sequence.ok_or(Corrupt::Unnumbered {
            name: "ce_sequence",
        })?;
        if sequence != self.sequence + 1 {
            let last = self.sequence;
            return Err(Corrupt::Sequence {
                last,
                found: sequence,
            }
            .into());
        }
        let subject = envelope.subject.as_str();
        let mut due = None;
        self.aggregates.change(subject, |stored| {
            if sequence <= stored.sequence {
                // Its snapshot is newer than the cover.
                return Ok(stored);
            }
            if version != stored.version + 1 {
                let (subject, last) = (subject.to_owned(), stored.version);
                return Err(ReplayError::from(Corrupt::Version {
                    subject,
                    last,
                    found: version,
                }));
            }
            let before = stored.due();
            let mut stored = stored.take(event, envelope);
            // Measuring costs as much as replaying. Between two powers of two, a state's size is at
            // most half of what it will be.
            if version.is_power_of_two() {
                stored.measure(subject);
            }
            due = Some((before, stored.due()));
            Ok(stored)
        })?;
        if let Some((before, after)) = due {
            let subject: Arc<str> = subject.into();
            self.snapshots.change(&subject);
            self.set_deadline(&subject, before, after);
        }
        self.events_end = offset + 1;
        self.sequence = sequence;
        self.time = self.time.max(envelope.time);
        Ok(self.recovered().map_err(ReadError::from)?)
    }

    /// Takes in an outcome of the log: its command is decided.
    pub(crate) fn remember(&mut self, outcome: &Remembered<'_>) -> Result<(), ReadError> {
        let Remembered {
            operation, time, ..
        } = *outcome;
        self.time = self.time.max(time);
        match (&outcome.delivery, outcome.is_deadline) {
            (Some(delivery), _) => self.senders.add(delivery, operation, time),
            // A deadline is decided again only if its aggregate does not say that it is spent.
            (None, true) => {}
            (None, false) => {
                let end = outcome.record.map_or_else(Uuid::nil, |(id, _)| id);
                self.decided.add(operation, end, time);
            }
        }
        if let Some(scope) = outcome.scope
            && self.decided.get(&scope)?.is_none()
        {
            self.decided.add(scope, operation, time);
        }
        if let Some((record, subject)) = outcome.record {
            // A workflow whose deadline could not be decided has ended without an event that says
            // so.
            let failed = id::outcome(operation, factline::outcome::State::Failed.as_str());
            if outcome.is_deadline || record == failed {
                self.end_without_event(subject, operation, record == failed)?;
            }
        }
        Ok(self.recovered()?)
    }

    /// Spends the deadline whose operation this is. Ends the open workflow of this operation, if it
    /// has failed.
    fn end_without_event(
        &mut self,
        subject: &str,
        operation: Uuid,
        has_failed: bool,
    ) -> Result<(), ReadError> {
        let is_open = |stored: &AggregateState<A>| {
            let open = stored.open.as_ref();
            has_failed && open.is_some_and(|open| open.envelope.operation == operation)
        };
        let mut due = None;
        let is_known = self.aggregates.contains(subject)?;
        if !is_known {
            return Ok(());
        }
        self.aggregates.change(subject, |mut stored| {
            let before = stored.due();
            if is_open(&stored) {
                stored.open = None;
                due = Some((before, before));
            }
            if before.is_some() && stored.deadline(subject) == Some(operation) {
                let set = stored.wake.as_ref().map_or(0, |wake| wake.set);
                stored.spend(set);
                due = Some((before, stored.due()));
            }
            Ok::<_, ReadError>(stored)
        })?;
        if let Some((before, after)) = due {
            let subject: Arc<str> = subject.into();
            self.snapshots.change(&subject);
            self.set_deadline(&subject, before, after);
        }
        Ok(())
    }

    /// Ends the recovery: commands are handled from this offset on.
    pub(crate) fn ready(&mut self, next: i64) {
        self.next = next;
        self.aggregates.measure();
        self.account();
    }

    /// Adopts the changes of a committed batch. After an error the partition must be dropped.
    pub(crate) fn adopt(&mut self, changes: Changes<A>) -> Result<(), DiskError> {
        for (subject, mut stored) in changes.aggregates {
            self.aggregates.set_snapshot(&subject, &mut stored)?;
            let known = self.aggregates.in_memory(&subject);
            let known = known.or_else(|| changes.read.get(&subject));
            let before = known.and_then(AggregateState::due);
            let after = stored.due();
            stored.measure(&subject);
            if changes.read.contains_key(&subject) {
                self.aggregates.left_disk();
            }
            self.snapshots.change(&subject);
            self.set_deadline(&subject, before, after);
            self.aggregates.put(subject, stored);
        }
        for (subject, mut stored) in changes.read {
            if self.aggregates.in_memory(&subject).is_none() {
                self.aggregates.set_snapshot(&subject, &mut stored)?;
                self.aggregates.left_disk();
                self.aggregates.put_unchanged(subject, stored);
            }
        }
        self.sequence = changes.sequence;
        self.time = changes.time;
        self.next = changes.next;
        for (operation, (end, time)) in changes.operations {
            self.decided.add(operation, end, time);
        }
        for (scope, operation) in changes.scopes {
            self.decided.add(scope, operation, self.time);
        }
        self.senders.merge(changes.senders);
        self.senders.expire(self.time, self.bounds.window);
        self.decided.expire_on_disk()?;
        self.account();
        Ok(())
    }

    /// Moves the deadline of an aggregate in the index.
    fn set_deadline(
        &mut self,
        subject: &Arc<str>,
        before: Option<Timestamp>,
        after: Option<Timestamp>,
    ) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before, Arc::clone(subject)));
            self.deadline_bytes -= deadline_bytes(subject);
        }
        if let Some(after) = after {
            self.deadlines.insert((after, Arc::clone(subject)));
            self.deadline_bytes += deadline_bytes(subject);
        }
    }

    /// Moves states and ids to the disk if the process is short of memory: about `count` of each.
    /// Returns how many were moved.
    pub(crate) fn relieve(&mut self, count: usize) -> Result<usize, DiskError> {
        let budget = &self.memory.budget;
        if !budget.is_short() {
            return Ok(0);
        }
        let mut moved = 0;
        // Ids are small and seldom needed. They leave only when they are much of the memory.
        if self.decided.bytes() > budget.bytes() / 16 {
            moved += self.decided.move_to_disk(count)?;
        }
        let unwritten = self.snapshots.changed();
        moved += self.aggregates.move_to_disk(count, unwritten)?;
        self.account();
        Ok(moved)
    }

    /// Moves all states and ids to the disk.
    #[cfg(test)]
    pub(crate) fn move_all_to_disk(&mut self) -> Result<(), DiskError> {
        self.decided.move_to_disk(self.decided.len())?;
        let unwritten = self.snapshots.changed();
        while self.aggregates.move_to_disk(MOVED, unwritten)? > 0 {}
        self.account();
        Ok(())
    }

    /// Counts what a recovery has added, and makes room for more.
    fn recovered(&mut self) -> Result<(), DiskError> {
        self.account();
        while self.relieve(MOVED)? > 0 {}
        Ok(())
    }

    fn account(&mut self) {
        self.memory.set(self.bytes());
    }

    /// Returns whether the process has no memory for new aggregates.
    pub(crate) fn refuses_aggregates(&self) -> bool {
        self.memory.budget.refuses_aggregates()
    }

    /// Returns whether a round of snapshots is due.
    pub(crate) fn is_snapshot_due(&self) -> bool {
        self.snapshots.is_due(self.sequence)
    }

    /// Begins a round of snapshots, while no transaction is open. Every event that was written
    /// since the recovery has an offset below `written`.
    pub(crate) fn begin_snapshots(&mut self, written: i64) {
        let begin = Tail {
            offset: written.max(self.events_end),
            sequence: self.sequence,
            time: self.time,
        };
        self.snapshots.begin(begin, &self.aggregates);
    }

    /// Returns the next snapshots to write with a batch of `commands` commands, or the error.
    pub(crate) fn next_snapshots(
        &self,
        factory: &RecordFactory,
        partition: i32,
        commands: usize,
    ) -> Option<Result<Writing, SnapshotError>> {
        self.snapshots
            .next(factory, partition, &self.aggregates, commands)
    }

    /// Adopts committed snapshots. Must be called before the batch's own changes are adopted.
    pub(crate) fn adopt_snapshots(
        &mut self,
        topic: &str,
        written: Result<Writing, SnapshotError>,
    ) -> Result<(), DiskError> {
        match written {
            Ok(written) => self.snapshots.written(written, &mut self.aggregates),
            Err(SnapshotError::Disk(error)) => Err(error),
            Err(SnapshotError::State(reason)) => {
                self.snapshots.disable(topic, &reason);
                Ok(())
            }
        }
    }

    /// Returns the approximate size in memory: of the aggregates, their deadlines, the remembered
    /// ids, the senders and the list of snapshots to write.
    pub(crate) fn bytes(&self) -> u64 {
        let remembered = self.decided.bytes() + self.senders.bytes();
        self.aggregates.bytes() + remembered + self.snapshots.bytes() + self.deadline_bytes
    }

    /// Returns the latest command time.
    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    /// Returns the offset of the next command to be handled.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Returns the time of the first deadline.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Returns the aggregates with a deadline, by the time of the deadline.
    pub(crate) fn deadlines(&self) -> &BTreeSet<(Timestamp, Arc<str>)> {
        &self.deadlines
    }

    /// Reads an aggregate, wherever it is; none if there is none with this id.
    pub(crate) fn read<T>(
        &self,
        subject: &str,
        read: impl FnOnce(&AggregateState<A>) -> T,
    ) -> Result<Option<T>, ReadError> {
        if let Some(stored) = self.aggregates.in_memory(subject) {
            return Ok(Some(read(stored)));
        }
        Ok(self.aggregates.on_disk(subject)?.as_ref().map(read))
    }

    /// Returns the number of deadlines that are due at a time.
    pub(crate) fn overdue(&self, now: Timestamp) -> usize {
        self.deadlines
            .iter()
            .take_while(|(due, _)| *due <= now)
            .count()
    }

    /// Returns the number of operations that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.decided.len() + self.senders.len()
    }

    /// Returns the number of aggregates with at least one event.
    pub(crate) fn len(&self) -> usize {
        self.aggregates.len()
    }

    /// Returns the number of aggregates that are on disk only.
    pub(crate) fn len_on_disk(&self) -> usize {
        self.aggregates.len_on_disk()
    }

    /// Returns whether aggregates on disk have yet to be written to the snapshots.
    #[cfg(test)]
    pub(crate) fn is_any_listed(&self) -> bool {
        self.aggregates.is_any_listed()
    }
}
