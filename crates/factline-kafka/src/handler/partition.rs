//! What a worker knows of one partition, and the overlay in which a transaction changes it.
//!
//! The committed state is only ever what Kafka has committed. A batch is decided against an [`Overlay`]; when its
//! transaction is committed the overlay is adopted, and when it is not the overlay is dropped.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::{Aggregate, Envelope, Timestamp};
use uuid::Uuid;

/// An aggregate and what is kept beside its state.
#[derive(Debug, Clone)]
pub(super) struct Stored<A> {
    pub(super) state: A,
    /// Number of its events.
    pub(super) version: u64,
    /// Partition sequence of its last event: what a reader must have seen to see this state.
    pub(super) sequence: u64,
}

/// The committed state of one partition.
#[derive(Debug)]
pub(super) struct Partition<A> {
    aggregates: HashMap<Arc<str>, Stored<A>>,
    /// Partition sequence of the last event.
    sequence: u64,
    /// The latest command time: times never run backwards within a partition.
    time: Timestamp,
    decided: Decided,
}

/// A history that cannot be: two writers, or a hole. Nobody may decide on such a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Corrupt {
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

impl<A: Aggregate> Partition<A> {
    pub(super) fn new(window: TimeDelta) -> Self {
        Self {
            aggregates: HashMap::new(),
            sequence: 0,
            time: Timestamp::UNIX_EPOCH,
            decided: Decided {
                window,
                operations: HashMap::new(),
                by_time: VecDeque::new(),
            },
        }
    }

    /// Takes in an event of the log, checking that it is the next one.
    pub(super) fn replay(&mut self, envelope: &Envelope, event: &A::Event) -> Result<(), Corrupt> {
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
        let stored = self.aggregates.remove(envelope.subject.as_str());
        let last = stored.as_ref().map_or(0, |stored| stored.version);
        if version != last + 1 {
            return Err(Corrupt::Version {
                subject: envelope.subject.clone(),
                last,
                found: version,
            });
        }
        let state = stored
            .map(|stored| stored.state)
            .unwrap_or_default()
            .evolve(event);
        self.aggregates.insert(
            envelope.subject.as_str().into(),
            Stored {
                state,
                version,
                sequence,
            },
        );
        self.sequence = sequence;
        self.time = self.time.max(envelope.time);
        Ok(())
    }

    /// Takes in an outcome of the log: its command is decided.
    pub(super) fn remember(&mut self, operation: Uuid, time: Timestamp) {
        self.time = self.time.max(time);
        self.decided.add(operation, time);
    }

    pub(super) fn adopt(&mut self, changes: Changes<A>) {
        self.aggregates.extend(changes.aggregates);
        self.sequence = changes.sequence;
        self.time = changes.time;
        for (operation, time) in changes.decided {
            self.decided.add(operation, time);
        }
    }

    /// The latest command time.
    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// Aggregates with at least one event.
    pub(super) fn len(&self) -> usize {
        self.aggregates.len()
    }
}

/// What a batch changes in one partition, beside the committed state.
#[derive(Debug)]
pub(super) struct Overlay<'p, A> {
    base: &'p Partition<A>,
    changes: Changes<A>,
}

/// The changes alone, to be adopted after the commit.
#[derive(Debug)]
pub(super) struct Changes<A> {
    aggregates: HashMap<Arc<str>, Stored<A>>,
    sequence: u64,
    time: Timestamp,
    decided: HashMap<Uuid, Timestamp>,
}

impl<'p, A: Aggregate> Overlay<'p, A> {
    pub(super) fn over(base: &'p Partition<A>) -> Self {
        let changes = Changes {
            aggregates: HashMap::new(),
            sequence: base.sequence,
            time: base.time,
            decided: HashMap::new(),
        };
        Self { base, changes }
    }

    /// The time of a command appended at this instant.
    pub(super) fn advance(&mut self, appended: Timestamp) -> Timestamp {
        self.changes.time = self.changes.time.max(appended);
        self.changes.time
    }

    pub(super) fn is_decided(&self, operation: Uuid) -> bool {
        self.changes.decided.contains_key(&operation)
            || self.base.decided.operations.contains_key(&operation)
    }

    pub(super) fn decided(&mut self, operation: Uuid) {
        self.changes.decided.insert(operation, self.changes.time);
    }

    /// The aggregate as this batch has left it so far.
    pub(super) fn load(&self, id: &str) -> Stored<A> {
        let known = self
            .changes
            .aggregates
            .get(id)
            .or_else(|| self.base.aggregates.get(id));
        known.cloned().unwrap_or_else(|| Stored {
            state: A::default(),
            version: 0,
            sequence: 0,
        })
    }

    /// The partition sequence of the last event so far.
    pub(super) fn sequence(&self) -> u64 {
        self.changes.sequence
    }

    pub(super) fn store(&mut self, id: &str, stored: Stored<A>) {
        self.changes.sequence = self.changes.sequence.max(stored.sequence);
        self.changes.aggregates.insert(id.into(), stored);
    }

    pub(super) fn into_changes(self) -> Changes<A> {
        self.changes
    }
}

/// Operations decided within a window that runs in the partition's own time, so that a backlog evicts nothing.
#[derive(Debug)]
struct Decided {
    window: TimeDelta,
    operations: HashMap<Uuid, Timestamp>,
    by_time: VecDeque<(Timestamp, Uuid)>,
}

impl Decided {
    fn add(&mut self, operation: Uuid, time: Timestamp) {
        self.operations.insert(operation, time);
        self.by_time.push_back((time, operation));
        while let Some((oldest, operation)) = self.by_time.front().copied() {
            if time - oldest <= self.window {
                break;
            }
            self.by_time.pop_front();
            // A later entry of the same operation has moved it on.
            if self.operations.get(&operation) == Some(&oldest) {
                self.operations.remove(&operation);
            }
        }
    }
}
