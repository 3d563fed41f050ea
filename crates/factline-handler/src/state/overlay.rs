//! The changes of a batch on top of the committed state of a partition.
//!
//! A batch is decided against an overlay. When its transaction is committed, the changes are
//! adopted; otherwise they are dropped. Whatever a decision needs from the disk is
//! [fetched](Overlay::fetch) first, so that deciding does no IO.
//!
//! While a batch is being committed, the next one is decided against an overlay over its changes.
//! If the first is not committed, the second is dropped too.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::outcome::State;
use factline::{Aggregate, Delivery, Timestamp, id};
use factline_failpoints::{Mutant, mutated};
use uuid::Uuid;

use super::aggregate::AggregateState;
use super::aggregates::ReadError;
use super::changes::Changes;
use super::partition::Partition;
use super::senders::Senders;

/// The terminal states, the most frequent ones first.
const ENDS: [State; 5] = [
    State::Completed,
    State::Rejected,
    State::Cancelled,
    State::Failed,
    State::TimedOut,
];

/// The changes of a batch in one partition, on top of the committed state.
#[derive(Debug)]
pub(crate) struct Overlay<'p, A> {
    base: &'p Partition<A>,
    /// The changes of the batch before, which is being committed.
    before: Option<&'p Changes<A>>,
    changes: Changes<A>,
    /// Ids of the dedupe window that were read from the disk.
    ids: HashMap<Uuid, Uuid>,
}

impl<'p, A: Aggregate> Overlay<'p, A> {
    /// Creates an overlay without changes, over the committed state and the changes of the batch
    /// that is being committed, if there is one.
    pub(crate) fn over(base: &'p Partition<A>, before: Option<&'p Changes<A>>) -> Self {
        let reached = (base.sequence, base.time, base.next);
        let (sequence, time, next) = before.map_or(reached, |before| {
            (before.sequence, before.time, before.next)
        });
        let changes = Changes {
            aggregates: HashMap::new(),
            read: HashMap::new(),
            deadlines: BTreeSet::new(),
            sequence,
            time,
            next,
            operations: HashMap::new(),
            scopes: HashMap::new(),
            senders: Senders::default(),
        };
        Self {
            base,
            before,
            changes,
            ids: HashMap::new(),
        }
    }

    /// Returns the changes of this batch, and then those of the one before.
    fn all_changes(&self) -> impl Iterator<Item = &Changes<A>> {
        std::iter::once(&self.changes).chain(self.before)
    }

    /// Reads what is on the disk of an aggregate and of ids of the dedupe window, so that decisions
    /// find it.
    pub(crate) fn fetch(
        &mut self,
        subject: Option<&str>,
        ids: impl Iterator<Item = Uuid>,
    ) -> Result<(), ReadError> {
        if self.base.decided.is_any_on_disk() {
            for id in ids {
                if let Some(value) = self.base.decided.get_on_disk(&id)? {
                    self.ids.insert(id, value);
                }
            }
        }
        if let Some(subject) = subject
            && self.base.aggregates.len_on_disk() > 0
            && self.known(subject).is_none()
            && let Some(stored) = self.base.aggregates.on_disk(subject)?
        {
            self.changes.read.insert(subject.into(), stored);
        }
        Ok(())
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

    /// Returns whether the process has no memory for new aggregates.
    pub(crate) fn refuses_aggregates(&self) -> bool {
        self.base.refuses_aggregates()
    }

    pub(crate) fn window(&self) -> TimeDelta {
        self.base.decided.length()
    }

    /// Returns the value of an id of the dedupe window.
    fn decided_value(&self, id: Uuid) -> Option<Uuid> {
        let known = self.base.decided.get_in_memory(&id);
        known.or_else(|| self.ids.get(&id).copied())
    }

    /// Returns whether a command was decided before. Its sender may have numbered it.
    pub(crate) fn is_decided(&self, operation: Uuid, delivery: Option<&Delivery>) -> bool {
        let has_decided = |changes: &Changes<A>| {
            changes.operations.contains_key(&operation)
                || changes.senders.is_repeat(delivery, operation)
        };
        !mutated(Mutant::NoDedupe)
            && (self.all_changes().any(has_decided)
                || self.decided_value(operation).is_some()
                || self.base.senders.is_repeat(delivery, operation))
    }

    /// Records that a command is decided. `end` is the id of its outcome's record.
    pub(crate) fn decided(&mut self, operation: Uuid, delivery: Option<&Delivery>, end: Uuid) {
        let Changes {
            senders,
            operations,
            time,
            ..
        } = &mut self.changes;
        match delivery {
            Some(delivery) => senders.add(delivery, operation, *time),
            None => {
                operations.insert(operation, (end, *time));
            }
        }
    }

    /// Returns the terminal state in which the decision of a command ended, if it is remembered by
    /// its id.
    pub(crate) fn end_of(&self, operation: Uuid) -> Option<State> {
        let mut changes = self.all_changes();
        let decided = changes.find_map(|changes| changes.operations.get(&operation));
        let end = decided.map(|(end, _)| *end);
        let end = end.or_else(|| self.decided_value(operation))?;
        let mut states = ENDS.into_iter();
        states.find(|state| id::outcome(operation, state.as_str()) == end)
    }

    /// Returns the operation of an idempotency scope.
    pub(crate) fn operation_of_scope(&self, scope: Uuid) -> Option<Uuid> {
        let mut changes = self.all_changes();
        let known = changes.find_map(|changes| changes.scopes.get(&scope).copied());
        known.or_else(|| self.decided_value(scope))
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
        let mut changes = self.all_changes();
        let newest = changes.find_map(|changes| changes.aggregates.get(id));
        let read = || {
            let mut changes = self.all_changes();
            changes.find_map(|changes| changes.read.get(id))
        };
        newest
            .or_else(|| self.base.aggregates.in_memory(id))
            .or_else(read)
    }

    /// Returns the aggregate with the first deadline, if it is due at this time.
    pub(crate) fn first_due(&self, now: Timestamp) -> Option<Arc<str>> {
        let own = self.changes.deadlines.first();
        let is_changed =
            |changes: &Changes<A>, subject: &Arc<str>| changes.aggregates.contains_key(subject);
        let before = self.before.and_then(|before| {
            let mut due = before.deadlines.iter().take_while(|(due, _)| *due <= now);
            due.find(|(_, subject)| !is_changed(&self.changes, subject))
        });
        let base = {
            let mut due = self
                .base
                .deadlines
                .iter()
                .take_while(|(due, _)| *due <= now);
            due.find(|(_, subject)| {
                !self
                    .all_changes()
                    .any(|changes| is_changed(changes, subject))
            })
        };
        let first = own.into_iter().chain(before).chain(base).min()?;
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
            let deadline = (before, Arc::clone(&subject));
            self.changes.deadlines.remove(&deadline);
        }
        if let Some(due) = stored.due() {
            let deadline = (due, Arc::clone(&subject));
            self.changes.deadlines.insert(deadline);
        }
        self.changes.aggregates.insert(subject, stored);
    }

    pub(crate) fn into_changes(self) -> Changes<A> {
        self.changes
    }
}
