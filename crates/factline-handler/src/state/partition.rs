//! The state of one partition, and the overlay in which a transaction changes it.
//!
//! The committed state is only ever what Kafka has committed. A batch is decided against an
//! [`Overlay`]. When its transaction is committed, the overlay is adopted; otherwise the overlay is
//! dropped.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::{Aggregate, Delivery, Envelope, EventOf, Timestamp, id};
use factline_failpoints::{Mutant, mutated};
use uuid::Uuid;

use crate::decide::record_factory::RecordFactory;
use crate::snapshot::cover::{Cover, Tail};
use crate::snapshot::load::Loaded;
use crate::snapshot::round::{Snapshots, Writing};
use crate::state::aggregate::AggregateState;
use crate::state::dedupe::Window;
use crate::state::senders::Senders;

/// Limits of a partition, and the interval of its snapshots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Time for which an operation is remembered.
    pub(crate) window: TimeDelta,
    /// Maximum number of operations. At the limit the partition halts, because forgetting an
    /// operation could decide it twice.
    pub(crate) operations: usize,
    /// Approximate maximum size of the aggregates in bytes. At the limit the partition halts, too.
    pub(crate) bytes: u64,
    /// Events between two rounds of snapshots; 0 means no snapshots.
    pub(crate) snapshots_every: u64,
}

/// The committed state of one partition.
#[derive(Debug)]
pub(crate) struct Partition<A> {
    aggregates: HashMap<Arc<str>, AggregateState<A>>,
    /// Approximate size of the aggregates.
    bytes: u64,
    snapshots: Snapshots,
    /// The aggregates with a deadline, by the time of the deadline.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// Partition sequence of the last event.
    sequence: u64,
    /// Offset of the events topic after the last event that the recovery has read.
    events_end: i64,
    /// The latest command time: times never run backwards within a partition.
    time: Timestamp,
    /// Offset of the next command to be handled.
    next: i64,
    /// The decided commands whose senders do not number them.
    operations: Window<()>,
    senders: Senders,
    bounds: Bounds,
    /// The operation of each idempotency scope.
    scopes: Window<Uuid>,
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
}

impl<A: Aggregate> Partition<A> {
    /// Creates a partition before its first event, or from its snapshots.
    pub(crate) fn new(factory: &RecordFactory, bounds: Bounds, loaded: Option<Loaded<A>>) -> Self {
        let Loaded { cover, aggregates } = loaded.unwrap_or_else(|| Loaded {
            cover: Cover::of_nothing(A::STATE_VERSION, factory.identity()),
            aggregates: HashMap::new(),
        });
        Self {
            bounds,
            aggregates,
            bytes: 0,
            deadlines: BTreeSet::new(),
            sequence: cover.tail.sequence,
            events_end: cover.tail.offset,
            time: cover.tail.time,
            next: 0,
            operations: Window::new(bounds.window),
            senders: Senders::default(),
            scopes: Window::new(bounds.window),
            snapshots: Snapshots::new(cover, bounds.snapshots_every),
        }
    }

    /// Replays an event of the log, after checking that it is the next one.
    pub(crate) fn replay(
        &mut self,
        offset: i64,
        envelope: &Envelope,
        event: &EventOf<A::Type>,
    ) -> Result<(), Corrupt> {
        let sequence = envelope.partition_sequence.ok_or(Corrupt::Unnumbered {
            name: "ce_partitionsequence",
        })?;
        let version = envelope.sequence.ok_or(Corrupt::Unnumbered {
            name: "ce_sequence",
        })?;
        if sequence != self.sequence + 1 {
            return Err(Corrupt::Sequence {
                last: self.sequence,
                found: sequence,
            });
        }
        self.events_end = offset + 1;
        let known = self.aggregates.remove_entry(envelope.subject.as_str());
        let (subject, stored) =
            known.unwrap_or_else(|| (envelope.subject.as_str().into(), AggregateState::initial()));
        if sequence <= stored.sequence {
            // Its snapshot is newer than the cover.
            self.aggregates.insert(subject, stored);
            self.sequence = sequence;
            self.time = self.time.max(envelope.time);
            return Ok(());
        }
        if version != stored.version + 1 {
            return Err(Corrupt::Version {
                subject: envelope.subject.clone(),
                last: stored.version,
                found: version,
            });
        }
        self.snapshots.change(&subject);
        self.aggregates
            .insert(subject, stored.take(event, envelope));
        self.sequence = sequence;
        self.time = self.time.max(envelope.time);
        Ok(())
    }

    /// Takes in an outcome of the log: its command is decided.
    pub(crate) fn remember(&mut self, outcome: &Remembered<'_>) {
        let Remembered {
            operation, time, ..
        } = *outcome;
        self.time = self.time.max(time);
        match &outcome.delivery {
            Some(delivery) => self.senders.add(delivery, operation, time),
            None => self.operations.add(operation, (), time),
        }
        if let Some(scope) = outcome.scope
            && self.scopes.get(&scope).is_none()
        {
            self.scopes.add(scope, operation, time);
        }
        // A workflow whose deadline could not be decided has ended without an event that says so.
        if let Some((record, subject)) = outcome.record
            && let Some(stored) = self.aggregates.get_mut(subject)
            && stored
                .open
                .as_ref()
                .is_some_and(|open| open.envelope.operation == operation)
            && record == id::outcome(operation, factline::outcome::State::Failed.as_str())
        {
            stored.open = None;
            self.snapshots.change(&Arc::from(subject));
        }
    }

    /// Ends the recovery: commands are handled from this offset on.
    pub(crate) fn ready(&mut self, next: i64) {
        self.next = next;
        for (subject, stored) in &mut self.aggregates {
            if let (Some(operation), Some(wake)) = (stored.deadline(subject), &stored.wake)
                && self.operations.get(&operation).is_some()
            {
                let set = wake.set;
                if stored.due().is_some() {
                    self.snapshots.change(subject);
                }
                stored.spend(set);
            }
            if let Some(due) = stored.due() {
                self.deadlines.insert((due, Arc::clone(subject)));
            }
            stored.measure(subject);
            self.bytes += u64::from(stored.size);
        }
    }

    pub(crate) fn adopt(&mut self, changes: Changes<A>) {
        for (subject, mut stored) in changes.aggregates {
            let known = self.aggregates.get(&subject);
            stored.snapshot_checksum = known.map_or(0, |known| known.snapshot_checksum);
            stored.measure(&subject);
            self.bytes += u64::from(stored.size);
            self.bytes -= known.map_or(0, |known| u64::from(known.size));
            self.snapshots.change(&subject);
            let before = known.and_then(AggregateState::due);
            let after = stored.due();
            if before != after {
                if let Some(before) = before {
                    self.deadlines.remove(&(before, Arc::clone(&subject)));
                }
                if let Some(after) = after {
                    self.deadlines.insert((after, Arc::clone(&subject)));
                }
            }
            self.aggregates.insert(subject, stored);
        }
        self.sequence = changes.sequence;
        self.time = changes.time;
        self.next = changes.next;
        for (operation, time) in changes.operations {
            self.operations.add(operation, (), time);
        }
        for (scope, operation) in changes.scopes {
            self.scopes.add(scope, operation, self.time);
        }
        self.senders.merge(changes.senders);
        self.senders.expire(self.time, self.bounds.window);
    }

    /// Returns whether a round of snapshots is due.
    pub(crate) fn is_snapshot_due(&self) -> bool {
        self.snapshots.is_due(self.sequence)
    }

    /// Begins a round of snapshots, while no transaction is open. Every event that was written
    /// since the recovery has an offset below `written`.
    pub(crate) fn begin_snapshots(&mut self, written: i64) {
        self.snapshots.begin(Tail {
            offset: written.max(self.events_end),
            sequence: self.sequence,
            time: self.time,
        });
    }

    /// Returns the next snapshots to write with a batch of `commands` commands, or the error.
    pub(crate) fn next_snapshots(
        &self,
        factory: &RecordFactory,
        partition: i32,
        commands: usize,
    ) -> Option<Result<Writing, String>> {
        self.snapshots
            .next(factory, partition, &self.aggregates, commands)
    }

    /// Adopts committed snapshots. Must be called before the batch's own changes are adopted.
    pub(crate) fn adopt_snapshots(&mut self, topic: &str, written: Result<Writing, String>) {
        match written {
            Ok(written) => self.snapshots.written(written, &mut self.aggregates),
            Err(reason) => self.snapshots.disable(topic, &reason),
        }
    }

    /// Returns the approximate size of its aggregates, if it exceeds the limit.
    pub(crate) fn over_memory_limit(&self) -> Option<u64> {
        (self.bytes >= self.bounds.bytes).then_some(self.bytes)
    }

    /// Returns the approximate size of its aggregates in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
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

    /// Returns the number of deadlines that are due at a time.
    pub(crate) fn overdue(&self, now: Timestamp) -> usize {
        self.deadlines
            .iter()
            .take_while(|(due, _)| *due <= now)
            .count()
    }

    /// Returns the number of operations that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.operations.len() + self.senders.len()
    }

    /// Returns the number of aggregates with at least one event.
    pub(crate) fn len(&self) -> usize {
        self.aggregates.len()
    }
}

/// The changes of a batch in one partition, on top of the committed state.
#[derive(Debug)]
pub(crate) struct Overlay<'p, A> {
    base: &'p Partition<A>,
    changes: Changes<A>,
    /// Deadlines of the changed aggregates; the base has those of the others.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
}

/// The changes alone, to be adopted after the commit.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    aggregates: HashMap<Arc<str>, AggregateState<A>>,
    sequence: u64,
    time: Timestamp,
    next: i64,
    operations: HashMap<Uuid, Timestamp>,
    scopes: HashMap<Uuid, Uuid>,
    senders: Senders,
}

impl<'p, A: Aggregate> Overlay<'p, A> {
    pub(crate) fn over(base: &'p Partition<A>) -> Self {
        let changes = Changes {
            aggregates: HashMap::new(),
            sequence: base.sequence,
            time: base.time,
            next: base.next,
            operations: HashMap::new(),
            scopes: HashMap::new(),
            senders: Senders::default(),
        };
        Self {
            base,
            changes,
            deadlines: BTreeSet::new(),
        }
    }

    /// Advances to the append time of a command, and returns the command's time.
    pub(crate) fn advance(&mut self, appended: Timestamp) -> Timestamp {
        self.changes.time = self.changes.time.max(appended);
        self.changes.time
    }

    /// Records that the command at this offset is handled.
    pub(crate) fn handled(&mut self, offset: i64) {
        self.changes.next = offset + 1;
    }

    /// Returns the latest command time so far.
    pub(crate) fn time(&self) -> Timestamp {
        self.changes.time
    }

    /// Returns the offset of the next command to be handled.
    pub(crate) fn next(&self) -> i64 {
        self.changes.next
    }

    /// Returns the approximate size of the committed aggregates, if it exceeds the limit.
    pub(crate) fn over_memory_limit(&self) -> Option<u64> {
        self.base.over_memory_limit()
    }

    pub(crate) fn window(&self) -> TimeDelta {
        self.base.operations.length()
    }

    /// Returns the number of remembered operations, if one more, appended at this time, would
    /// exceed the limit.
    pub(crate) fn is_full(&self, appended: Timestamp) -> Option<usize> {
        let now = self.changes.time.max(appended);
        let known = self.changes.operations.len() + self.base.operations.len();
        (known >= self.base.bounds.operations)
            .then(|| self.changes.operations.len() + self.base.operations.len_at(now))
            .filter(|known| *known >= self.base.bounds.operations)
    }

    /// Returns whether a command was decided before. Its sender may have numbered it.
    pub(crate) fn is_decided(&self, operation: Uuid, delivery: Option<&Delivery>) -> bool {
        let is_repeat = |delivery| {
            self.changes.senders.is_repeat(delivery, operation)
                || self.base.senders.is_repeat(delivery, operation)
        };
        !mutated(Mutant::NoDedupe)
            && (self.changes.operations.contains_key(&operation)
                || self.base.operations.get(&operation).is_some()
                || delivery.is_some_and(is_repeat))
    }

    pub(crate) fn decided(&mut self, operation: Uuid, delivery: Option<&Delivery>) {
        let Changes {
            senders,
            operations,
            time,
            ..
        } = &mut self.changes;
        match delivery {
            Some(delivery) => senders.add(delivery, operation, *time),
            None => {
                operations.insert(operation, *time);
            }
        }
    }

    /// Returns the operation of an idempotency scope.
    pub(crate) fn operation_of_scope(&self, scope: Uuid) -> Option<Uuid> {
        let known = self.changes.scopes.get(&scope);
        known.or_else(|| self.base.scopes.get(&scope)).copied()
    }

    /// Records the operation of a scope; the first operation of a scope counts.
    pub(crate) fn add_scope(&mut self, scope: Uuid, operation: Uuid) {
        if self.operation_of_scope(scope).is_none() {
            self.changes.scopes.insert(scope, operation);
        }
    }

    /// Returns the aggregate with the changes of this batch so far.
    pub(crate) fn load(&self, id: &str) -> AggregateState<A> {
        let known = self.known(id).cloned();
        known.unwrap_or_else(AggregateState::initial)
    }

    /// Returns the version of the aggregate with the changes of this batch so far.
    pub(crate) fn version(&self, id: &str) -> u64 {
        self.known(id).map_or(0, |known| known.version)
    }

    fn known(&self, id: &str) -> Option<&AggregateState<A>> {
        let changed = self.changes.aggregates.get(id);
        changed.or_else(|| self.base.aggregates.get(id))
    }

    /// Returns the aggregate with the first deadline, if it is due at this time.
    pub(crate) fn first_due(&self, now: Timestamp) -> Option<Arc<str>> {
        let base = self
            .base
            .deadlines
            .iter()
            .take_while(|(due, _)| *due <= now)
            .find(|(_, subject)| !self.changes.aggregates.contains_key(subject));
        let first = match (base, self.deadlines.first()) {
            (Some(base), Some(own)) => base.min(own),
            (base, own) => base.or(own)?,
        };
        (first.0 <= now).then(|| Arc::clone(&first.1))
    }

    /// Returns the partition sequence of the last event so far.
    pub(crate) fn sequence(&self) -> u64 {
        self.changes.sequence
    }

    /// Replaces an aggregate by its next state.
    pub(crate) fn store(&mut self, subject: Arc<str>, stored: AggregateState<A>) {
        self.changes.sequence = self.changes.sequence.max(stored.sequence);
        if let Some(before) = self
            .changes
            .aggregates
            .get(&subject)
            .and_then(AggregateState::due)
        {
            self.deadlines.remove(&(before, Arc::clone(&subject)));
        }
        if let Some(due) = stored.due() {
            self.deadlines.insert((due, Arc::clone(&subject)));
        }
        self.changes.aggregates.insert(subject, stored);
    }

    pub(crate) fn into_changes(self) -> Changes<A> {
        self.changes
    }
}
