//! One aggregate as a worker holds it: its state, and what the kit keeps beside it.
//!
//! Everything here is a fold of the aggregate's events and their envelopes, by the one function [`Stored::take`], so
//! that a worker that decided and one that replays hold the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factline::{Aggregate, Envelope, Position, Timestamp, id};
use uuid::Uuid;

/// An aggregate and what is kept beside its state.
#[derive(Debug, Clone)]
pub(crate) struct Stored<A> {
    pub(crate) state: A,
    /// Number of its events.
    pub(crate) version: u64,
    /// Partition sequence of its last event: what a reader must have seen to see this state.
    pub(crate) sequence: u64,
    /// The workflow that it is the process of, while that is open.
    pub(crate) open: Option<Arc<Open>>,
    /// When it wants to be woken.
    pub(crate) wake: Option<Arc<Wake>>,
    /// Checksum of its newest snapshot; 0 if it has none.
    pub(crate) kept: u64,
    /// What it takes in memory, about, see [`Stored::weigh`].
    pub(crate) weight: u32,
}

/// Bytes of an entry in the map of a partition, without key and value.
const ENTRY: usize = 64;

/// Bytes of an envelope that is kept beside a state, about.
const BESIDE: usize = 800;

/// Counts what is written to it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A workflow's operation that has not ended.
#[derive(Debug)]
pub(crate) struct Open {
    /// Of the event that began it, which has the context of the command that did.
    pub(crate) envelope: Envelope,
    /// What everything done for the workflow so far takes to be seen.
    pub(crate) position: Position,
}

/// A deadline that was set.
#[derive(Debug)]
pub(crate) struct Wake {
    pub(crate) due: Timestamp,
    /// The aggregate's version that set it.
    pub(crate) set: u64,
    /// Envelope of the event that set it: what follows from a deadline has its context.
    pub(crate) cause: Envelope,
    /// It was decided, and nothing came of it.
    pub(crate) spent: bool,
}

impl<A: Aggregate> Stored<A> {
    /// Before its first event.
    pub(crate) fn unborn() -> Self {
        Self {
            state: A::default(),
            version: 0,
            sequence: 0,
            open: None,
            wake: None,
            kept: 0,
            weight: 0,
        }
    }

    /// Takes in its next event, whose numbers the envelope has.
    pub(crate) fn take(mut self, event: &A::Event, envelope: &Envelope) -> Self {
        self.state = self.state.evolve(event);
        self.version += 1;
        self.sequence = envelope.partition_sequence.unwrap_or(self.sequence);
        if envelope.opens.is_some() {
            self.open = Some(Arc::new(Open {
                envelope: envelope.clone(),
                position: Position::default(),
            }));
        }
        if let Some(open) = &self.open
            && let Some(position) = position(envelope)
        {
            let envelope = open.envelope.clone();
            self.open = Some(Arc::new(Open { envelope, position }));
        }
        if envelope.concludes.is_some() {
            self.open = None;
        }
        let due = self.state.deadline().map(|deadline| deadline.due);
        if due != self.wake.as_ref().map(|wake| wake.due) {
            self.wake = due.map(|due| {
                Arc::new(Wake {
                    due,
                    set: self.version,
                    cause: envelope.clone(),
                    spent: false,
                })
            });
        }
        self
    }

    /// Finds out what it takes in memory: its own size and, for what that points to, the length of its JSON. Not exact, and
    /// rather too much than too little.
    pub(crate) fn weigh(&mut self, subject: &str) {
        let mut length = Length(0);
        // What cannot be written is as large as it is; a serializer that panics is the domain's, and its state's size unknown.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            serde_json::to_writer(&mut length, &self.state)
        }));
        let beside = usize::from(self.open.is_some()) + usize::from(self.wake.is_some());
        let all = size_of::<Self>() + ENTRY + subject.len() + length.0 + beside * BESIDE;
        self.weight = u32::try_from(all).unwrap_or(u32::MAX);
    }

    /// When it is to be woken, unless that was in vain.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.wake
            .as_ref()
            .filter(|wake| !wake.spent)
            .map(|wake| wake.due)
    }

    /// The deadline that has just been decided sets no other of itself.
    pub(crate) fn spend(&mut self, set: u64) {
        if let Some(wake) = &self.wake
            && wake.set == set
        {
            self.wake = Some(Arc::new(Wake {
                due: wake.due,
                set,
                cause: wake.cause.clone(),
                spent: true,
            }));
        }
    }

    /// The operation of its deadline.
    pub(crate) fn deadline(&self, subject: &str) -> Option<Uuid> {
        let wake = self.wake.as_ref()?;
        Some(id::deadline(A::TYPE, subject, wake.set))
    }
}

/// The position that an envelope carries. One that cannot be read is none: it only bounds what a reader waits for.
pub(crate) fn position(envelope: &Envelope) -> Option<Position> {
    envelope.position.as_deref()?.parse().ok()
}
