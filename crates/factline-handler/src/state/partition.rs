//! What a worker knows of one partition, and the overlay in which a transaction changes it.
//!
//! The committed state is only ever what Kafka has committed. A batch is decided against an [`Overlay`]; when its
//! transaction is committed the overlay is adopted, and when it is not the overlay is dropped.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::{Aggregate, Envelope, Timestamp, id};
use factline_failpoints::{Mutant, mutated};
use uuid::Uuid;

use crate::decide::record_factory::Wire;
use crate::snapshot::cover::{Cover, Tail};
use crate::snapshot::load::Loaded;
use crate::snapshot::round::{Snapshots, Writing};
use crate::state::aggregate::Stored;
use crate::state::dedupe::Window;

/// What a partition may hold, and how often it is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How long an operation is remembered.
    pub(crate) window: TimeDelta,
    /// Operations at most. At this number the partition stops: forgetting one might double it.
    pub(crate) operations: usize,
    /// Bytes of aggregates at most, about. There it stops, too.
    pub(crate) bytes: u64,
    /// Events between two rounds of snapshots; 0 is none at all.
    pub(crate) snapshots_every: u64,
}

/// The committed state of one partition.
#[derive(Debug)]
pub(crate) struct Partition<A> {
    aggregates: HashMap<Arc<str>, Stored<A>>,
    /// What they take, about.
    bytes: u64,
    snapshots: Snapshots,
    /// The aggregates that want to be woken, by when.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// Partition sequence of the last event.
    sequence: u64,
    /// Offset of the events topic behind the last event that the restore has read.
    events_end: i64,
    /// The latest command time: times never run backwards within a partition.
    time: Timestamp,
    /// Offset of the next command to be handled.
    next: i64,
    operations: Window<()>,
    bounds: Bounds,
    /// Which operation came under an idempotency scope.
    scopes: Window<Uuid>,
}

/// A history that cannot be: two writers, or a hole. Nobody may decide on such a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Corrupt {
    /// The partition's sequence has a hole or a repetition.
    #[error("event sequence {found} follows {last} in its partition")]
    Sequence {
        /// The last before.
        last: u64,
        /// What came.
        found: u64,
    },
    /// The aggregate's version has a hole or a repetition.
    #[error("version {found} of {subject} follows version {last}")]
    Version {
        /// The aggregate's id.
        subject: String,
        /// The last before.
        last: u64,
        /// What came.
        found: u64,
    },
    /// A number that every event carries is missing.
    #[error("header {name} is missing")]
    Unnumbered {
        /// The header.
        name: &'static str,
    },
}

/// An operation that was decided, as its outcome's record tells.
#[derive(Debug)]
pub(crate) struct Remembered<'r> {
    pub(crate) operation: Uuid,
    pub(crate) time: Timestamp,
    /// The outcome's own id, and the aggregate.
    pub(crate) record: Option<(Uuid, &'r str)>,
    pub(crate) scope: Option<Uuid>,
}

impl<A: Aggregate> Partition<A> {
    /// Before its first event, or as its snapshots have it.
    pub(crate) fn new(wire: &Wire, bounds: Bounds, loaded: Option<Loaded<A>>) -> Self {
        let Loaded { cover, aggregates } = loaded.unwrap_or_else(|| Loaded {
            cover: Cover::of_nothing(A::STATE_VERSION, wire.identity()),
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
            scopes: Window::new(bounds.window),
            snapshots: Snapshots::new(cover, bounds.snapshots_every),
        }
    }

    /// Takes in an event of the log, checking that it is the next one.
    pub(crate) fn replay(
        &mut self,
        offset: i64,
        envelope: &Envelope,
        event: &A::Event,
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
            known.unwrap_or_else(|| (envelope.subject.as_str().into(), Stored::unborn()));
        if sequence <= stored.sequence {
            // Its snapshot is newer than what is covered.
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
        self.operations.add(operation, (), time);
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

    /// Everything was read: commands are handled from this offset on.
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
            stored.weigh(subject);
            self.bytes += u64::from(stored.weight);
        }
    }

    pub(crate) fn adopt(&mut self, changes: Changes<A>) {
        for (subject, mut stored) in changes.aggregates {
            let known = self.aggregates.get(&subject);
            stored.kept = known.map_or(0, |known| known.kept);
            stored.weigh(&subject);
            self.bytes += u64::from(stored.weight);
            self.bytes -= known.map_or(0, |known| u64::from(known.weight));
            self.snapshots.change(&subject);
            let before = known.and_then(Stored::due);
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
    }

    /// Whether its changed aggregates should be written down now.
    pub(crate) fn is_snapshot_due(&self) -> bool {
        self.snapshots.is_due(self.sequence)
    }

    /// Begins to write them down, while no transaction is open. Every event that was written since the restore lies before
    /// `written`.
    pub(crate) fn begin_snapshots(&mut self, written: i64) {
        self.snapshots.begin(Tail {
            offset: written.max(self.events_end),
            sequence: self.sequence,
            time: self.time,
        });
    }

    /// The next few that are to be written with a batch of so many commands; or why they cannot be.
    pub(crate) fn next_snapshots(
        &self,
        wire: &Wire,
        partition: i32,
        commands: usize,
    ) -> Option<Result<Writing, String>> {
        self.snapshots
            .next(wire, partition, &self.aggregates, commands)
    }

    /// They were written, and that is committed. To be called before the batch's own changes are adopted.
    pub(crate) fn adopt_snapshots(&mut self, topic: &str, written: Result<Writing, String>) {
        match written {
            Ok(written) => self.snapshots.written(written, &mut self.aggregates),
            Err(reason) => self.snapshots.give_up(topic, &reason),
        }
    }

    /// What its aggregates take, about, if that is more than they may.
    pub(crate) fn too_heavy(&self) -> Option<u64> {
        (self.bytes >= self.bounds.bytes).then_some(self.bytes)
    }

    /// What its aggregates take in memory, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The latest command time.
    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    /// Offset of the next command to be handled.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// When the first aggregate wants to be woken.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// How many deadlines are due at a time.
    pub(crate) fn overdue(&self, now: Timestamp) -> usize {
        self.deadlines
            .iter()
            .take_while(|(due, _)| *due <= now)
            .count()
    }

    /// Operations that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.operations.len()
    }

    /// Aggregates with at least one event.
    pub(crate) fn len(&self) -> usize {
        self.aggregates.len()
    }
}

/// What a batch changes in one partition, beside the committed state.
#[derive(Debug)]
pub(crate) struct Overlay<'p, A> {
    base: &'p Partition<A>,
    changes: Changes<A>,
    /// Deadlines of the changed aggregates; of the others the base has them.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
}

/// The changes alone, to be adopted after the commit.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    aggregates: HashMap<Arc<str>, Stored<A>>,
    sequence: u64,
    time: Timestamp,
    next: i64,
    operations: HashMap<Uuid, Timestamp>,
    scopes: HashMap<Uuid, Uuid>,
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
        };
        Self {
            base,
            changes,
            deadlines: BTreeSet::new(),
        }
    }

    /// The time of a command appended at this instant.
    pub(crate) fn advance(&mut self, appended: Timestamp) -> Timestamp {
        self.changes.time = self.changes.time.max(appended);
        self.changes.time
    }

    /// The command at this offset is handled.
    pub(crate) fn handled(&mut self, offset: i64) {
        self.changes.next = offset + 1;
    }

    /// The latest command time so far.
    pub(crate) fn time(&self) -> Timestamp {
        self.changes.time
    }

    /// Offset of the next command to be handled.
    pub(crate) fn next(&self) -> i64 {
        self.changes.next
    }

    pub(crate) fn window(&self) -> TimeDelta {
        self.base.operations.length()
    }

    /// How many operations are remembered, if one more that was appended then would be one too many.
    pub(crate) fn is_full(&self, appended: Timestamp) -> Option<usize> {
        let now = self.changes.time.max(appended);
        let known = self.changes.operations.len() + self.base.operations.len();
        (known >= self.base.bounds.operations)
            .then(|| self.changes.operations.len() + self.base.operations.len_at(now))
            .filter(|known| *known >= self.base.bounds.operations)
    }

    pub(crate) fn is_decided(&self, operation: Uuid) -> bool {
        !mutated(Mutant::NoDedupe)
            && (self.changes.operations.contains_key(&operation)
                || self.base.operations.get(&operation).is_some())
    }

    pub(crate) fn decided(&mut self, operation: Uuid) {
        self.changes.operations.insert(operation, self.changes.time);
    }

    /// The operation that came under an idempotency scope.
    pub(crate) fn under(&self, scope: Uuid) -> Option<Uuid> {
        let known = self.changes.scopes.get(&scope);
        known.or_else(|| self.base.scopes.get(&scope)).copied()
    }

    /// The first operation under a scope is the one that counts.
    pub(crate) fn scoped(&mut self, scope: Uuid, operation: Uuid) {
        if self.under(scope).is_none() {
            self.changes.scopes.insert(scope, operation);
        }
    }

    /// The aggregate as this batch has left it so far.
    pub(crate) fn load(&self, id: &str) -> Stored<A> {
        let known = self
            .changes
            .aggregates
            .get(id)
            .or_else(|| self.base.aggregates.get(id));
        known.cloned().unwrap_or_else(Stored::unborn)
    }

    /// The aggregate that is to be woken first, if that is at this time or before it.
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

    /// The partition sequence of the last event so far.
    pub(crate) fn sequence(&self) -> u64 {
        self.changes.sequence
    }

    pub(crate) fn store(&mut self, id: &str, stored: Stored<A>) {
        self.changes.sequence = self.changes.sequence.max(stored.sequence);
        let subject: Arc<str> = id.into();
        if let Some(before) = self.changes.aggregates.get(id).and_then(Stored::due) {
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
