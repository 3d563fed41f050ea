//! The data kept of an aggregate beside its state: its numbers, its open workflow, its deadline.

use factline::{Aggregate, AggregateType as _, Envelope, EventOf, Timestamp, id};
use uuid::Uuid;

/// An aggregate after some of its events.
#[derive(Debug, Clone)]
pub(super) struct Kept<A> {
    pub(super) state: A,
    pub(super) version: u64,
    /// Partition sequence of its last event.
    pub(super) sequence: u64,
    /// The open operation.
    pub(super) open: Option<Uuid>,
    wake: Option<Wake>,
}

#[derive(Debug, Clone)]
struct Wake {
    due: Timestamp,
    /// The version that set the deadline.
    set: u64,
    /// The actor of the event that set it.
    actor: String,
    spent: bool,
}

impl<A: Aggregate> Kept<A> {
    pub(super) fn new() -> Self {
        Self {
            state: A::default(),
            version: 0,
            sequence: 0,
            open: None,
            wake: None,
        }
    }

    /// Applies one more event of the log.
    pub(super) fn take(&mut self, event: &EventOf<A::Type>, envelope: &Envelope) {
        self.version += 1;
        self.sequence = envelope.partition_sequence.unwrap_or(self.sequence);
        if envelope.opens.is_some() {
            self.open = Some(envelope.operation);
        }
        if envelope.concludes.is_some() {
            self.open = None;
        }
        self.state = std::mem::take(&mut self.state).evolve(event);
        let due = self.state.deadline().map(|deadline| deadline.due);
        if due != self.wake.as_ref().map(|wake| wake.due) {
            let set = self.version;
            self.wake = due.map(|due| Wake {
                due,
                set,
                actor: envelope.actor.clone(),
                spent: false,
            });
        }
    }

    /// Returns the due time of the deadline.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.unspent().map(|wake| wake.due)
    }

    /// Returns the operation of the deadline that is set.
    pub(super) fn deadline(&self, subject: &str) -> Option<Uuid> {
        let wake = self.unspent()?;
        Some(id::deadline(A::Type::NAME, subject, wake.set))
    }

    /// Returns the actor on whose behalf the deadline is decided.
    pub(super) fn deadline_actor(&self) -> Option<&str> {
        self.unspent().map(|wake| wake.actor.as_str())
    }

    fn unspent(&self) -> Option<&Wake> {
        self.wake.as_ref().filter(|wake| !wake.spent)
    }

    /// Returns the version that set the deadline.
    pub(super) fn set(&self) -> Option<u64> {
        self.wake.as_ref().map(|wake| wake.set)
    }

    /// Removes a deadline that was decided, unless an event has set another.
    pub(super) fn spend(&mut self, set: u64) {
        if let Some(wake) = self.wake.as_mut().filter(|wake| wake.set == set) {
            wake.spent = true;
        }
    }
}
