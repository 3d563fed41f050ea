//! One aggregate as a worker holds it: its state, and the data that the kit holds beside it.
//!
//! Everything here is a fold of the aggregate's events and their envelopes, by the one function
//! [`AggregateState::take`]. So a worker that decided the events and one that replays them hold the
//! same state.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factline::{Aggregate, AggregateType, Envelope, EventOf, Position, Timestamp, id};
use uuid::Uuid;

/// An aggregate's state and the data beside it.
#[derive(Debug, Clone)]
pub(crate) struct AggregateState<A> {
    pub(crate) state: A,
    /// Number of its events.
    pub(crate) version: u64,
    /// Partition sequence of its last event: a reader that has reached it sees this state.
    pub(crate) sequence: u64,
    /// The open workflow of which this aggregate is the process.
    pub(crate) open: Option<Arc<Open>>,
    /// The deadline of the aggregate.
    pub(crate) wake: Option<Arc<Wake>>,
    /// Checksum of its newest snapshot; 0 if it has none.
    pub(crate) snapshot_checksum: u64,
    /// Approximate size in memory, see [`AggregateState::measure`].
    pub(crate) size: u32,
    /// The size is that of the present state.
    pub(crate) is_measured: bool,
    /// The list on disk of aggregates whose snapshot is to be written contains it.
    pub(crate) is_listed: bool,
}

/// Bytes of an entry in the map of a partition, without key and value.
const ENTRY: usize = 64;

/// Approximate bytes of an envelope that is held beside a state.
const BESIDE: usize = 800;

/// Writer that counts bytes.
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
    /// Envelope of the event that began it, with the context of the command.
    pub(crate) envelope: Envelope,
    /// The position at which everything done for the workflow so far is visible.
    pub(crate) position: Position,
}

/// A deadline that was set.
#[derive(Debug)]
pub(crate) struct Wake {
    pub(crate) due: Timestamp,
    /// The aggregate's version that set it.
    pub(crate) set: u64,
    /// Envelope of the event that set it: records that follow from a deadline have its context.
    pub(crate) cause: Envelope,
    /// `true` if the deadline was decided and set no new deadline.
    pub(crate) spent: bool,
}

impl<A: Aggregate> AggregateState<A> {
    /// Returns the state of an aggregate before its first event.
    pub(crate) fn initial() -> Self {
        Self {
            state: A::default(),
            version: 0,
            sequence: 0,
            open: None,
            wake: None,
            snapshot_checksum: 0,
            size: 0,
            is_measured: false,
            is_listed: false,
        }
    }

    /// Evolves the state with the next event; the envelope has its version and sequence.
    pub(crate) fn take(mut self, event: &EventOf<A::Type>, envelope: &Envelope) -> Self {
        self.state = self.state.evolve(event);
        self.is_measured = false;
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

    /// Measures the approximate size in memory: the fixed size and, for the data that it points to,
    /// the length of its JSON. The result is rather too high than too low.
    pub(crate) fn measure(&mut self, subject: &str) {
        let mut length = Length(0);
        // If serializing fails, the length counts that was written so far. A serializer that panics
        // is a fault of the domain, and the size of its state is unknown.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            serde_json::to_writer(&mut length, &self.state)
        }));
        self.set_size(subject, length.0);
    }

    /// Sets the approximate size in memory of a state that was just decoded from a JSON of this
    /// length, as [`AggregateState::measure`] does.
    pub(crate) fn set_size(&mut self, subject: &str, json: usize) {
        let beside = usize::from(self.open.is_some()) + usize::from(self.wake.is_some());
        let all = size_of::<Self>() + ENTRY + subject.len() + json + beside * BESIDE;
        self.size = u32::try_from(all).unwrap_or(u32::MAX);
        self.is_measured = true;
    }

    /// Returns the version as an outcome names it; an aggregate without events has none.
    pub(crate) fn known_version(&self) -> Option<i64> {
        (self.version > 0).then_some(self.version.cast_signed())
    }

    /// Returns the time of the deadline, unless it is spent.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.wake
            .as_ref()
            .filter(|wake| !wake.spent)
            .map(|wake| wake.due)
    }

    /// Marks the deadline that has just been decided as spent, if it is still the present one.
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

    /// Returns the operation id of the deadline.
    pub(crate) fn deadline(&self, subject: &str) -> Option<Uuid> {
        let wake = self.wake.as_ref()?;
        Some(id::deadline(
            <A::Type as AggregateType>::NAME,
            subject,
            wake.set,
        ))
    }
}

/// Returns the position in an envelope. An unreadable one counts as none: it only bounds a reader's
/// wait.
pub(crate) fn position(envelope: &Envelope) -> Option<Position> {
    envelope.position.as_deref()?.parse().ok()
}
