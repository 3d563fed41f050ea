//! Selects the aggregates to write with each batch.
//!
//! A round begins when `every` events have been decided since the last one began. It takes the
//! aggregates that have changed since they were last written, a few with each batch, in their
//! present state. At the end of the round, every event up to its beginning is covered.
//!
//! First come those that were in memory at the beginning, and then those of the list on disk in the
//! order of their ids. An aggregate that joins that list meanwhile, behind the place where the
//! round is, has changed since the beginning. It belongs to the next round.

use std::collections::HashSet;
use std::sync::Arc;

use factline::{Aggregate, error_chain};

use super::cover::{self, Cover, Tail};
use super::record::{self, Unusable};
use crate::decide::encode::Outgoing;
use crate::decide::record_factory::RecordFactory;
use crate::state::aggregates::{Aggregates, SnapshotOf};
use crate::state::disk::DiskError;

/// Number of snapshots in one batch: this many for each of its commands, and never fewer than
/// `MIN_SNAPSHOTS`, so that a round ends.
const PER_COMMAND: usize = 2;
const MIN_SNAPSHOTS: usize = 16;

/// Maximum bytes of snapshots of a partition in one batch.
const MAX_BYTES: usize = 4 << 20;

/// Maximum size of a snapshot. A partition with a larger state has no snapshots; the topic accepts
/// 2 MiB.
const MAX_STATE_BYTES: usize = 2_000_000;

/// Approximate bytes of an aggregate in a list of those to write.
const LISTED: u64 = 96;

/// The written snapshots of a partition, and those still to be written.
#[derive(Debug)]
pub(crate) struct Snapshots {
    cover: Cover,
    /// Aggregates in memory that have changed since they were written. Those on disk are in a list
    /// there, see [`Aggregates`].
    changed: HashSet<Arc<str>>,
    round: Option<Round>,
    /// Events between the beginnings of two rounds; 0 means never.
    every: u64,
}

#[derive(Debug)]
struct Round {
    begin: Tail,
    /// Aggregates that were in memory at the beginning.
    remaining: Vec<Arc<str>>,
    /// The id at which the list on disk continues; `None` at its end.
    on_disk: Option<String>,
}

/// The snapshots of a batch, to be adopted after its commit.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) outgoing: Vec<Outgoing>,
    written: Vec<(Arc<str>, u64)>,
    cover: Cover,
    /// The round after this batch.
    next: NextStep,
}

impl Writing {
    /// Returns the size of the records.
    pub(crate) fn bytes(&self) -> usize {
        let records = self.outgoing.iter();
        records
            .map(|record| record.key.len() + record.value.len())
            .sum()
    }
}

/// Rest of a round after a batch.
#[derive(Debug)]
enum NextStep {
    /// This many of the remaining aggregates, at the end, are written.
    Remaining(usize),
    /// The list on disk continues at this id, if there is more.
    OnDisk(Option<String>),
}

/// Reason why snapshots cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The partition gets no snapshots.
    #[error("{0}")]
    State(String),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Snapshots {
    pub(crate) fn new(cover: Cover, every: u64) -> Self {
        Self {
            cover,
            changed: HashSet::new(),
            round: None,
            every,
        }
    }

    /// Returns the approximate memory of the lists of aggregates to write.
    pub(crate) fn bytes(&self) -> u64 {
        let remaining = self.round.as_ref().map_or(0, |round| round.remaining.len());
        (self.changed.len() + remaining) as u64 * LISTED
    }

    /// Returns the aggregates in memory that have changed since they were written.
    pub(crate) fn changed(&mut self) -> &mut HashSet<Arc<str>> {
        &mut self.changed
    }

    /// Records that an aggregate in memory has changed.
    pub(crate) fn change(&mut self, subject: &Arc<str>) {
        if self.every > 0 {
            self.changed.insert(Arc::clone(subject));
        }
    }

    /// Returns whether a round should begin, at this sequence of the last event.
    pub(crate) fn is_due(&self, sequence: u64) -> bool {
        let since = sequence.saturating_sub(self.cover.tail.sequence);
        self.every > 0 && self.round.is_none() && since >= self.every
    }

    /// Begins a round, which will cover everything that is committed now.
    pub(crate) fn begin<A: Aggregate>(&mut self, begin: Tail, aggregates: &Aggregates<A>) {
        self.round = Some(Round {
            begin,
            remaining: self.changed.drain().collect(),
            on_disk: aggregates.is_any_listed().then(String::new),
        });
    }

    /// Returns the next snapshots of the round for a batch of `commands` commands, or the reason
    /// why they cannot be written.
    pub(crate) fn next<A: Aggregate>(
        &self,
        factory: &RecordFactory,
        partition: i32,
        aggregates: &Aggregates<A>,
        commands: usize,
    ) -> Option<Result<Writing, SnapshotError>> {
        let round = self.round.as_ref()?;
        Some(self.write(round, factory, partition, aggregates, commands))
    }

    fn write<A: Aggregate>(
        &self,
        round: &Round,
        factory: &RecordFactory,
        partition: i32,
        aggregates: &Aggregates<A>,
        commands: usize,
    ) -> Result<Writing, SnapshotError> {
        let mut writing = Writing {
            outgoing: Vec::new(),
            written: Vec::new(),
            cover: self.cover.clone(),
            next: NextStep::Remaining(0),
        };
        let limit = (commands * PER_COMMAND).max(MIN_SNAPSHOTS);
        let lineage = self.cover.lineage;
        let mut bytes = 0;
        let mut write = |writing: &mut Writing, subject: Arc<str>| {
            let Some(snapshot) = aggregates.snapshot(&subject)? else {
                return Err(SnapshotError::State(format!("{subject} is unknown")));
            };
            let SnapshotOf { value, before } = fitting(&subject, snapshot)?;
            let key = record::key(&subject);
            bytes += key.len() + value.len();
            let checksum = record::checksum(&key, &value);
            writing.cover.replace(before, checksum);
            writing.written.push((subject, checksum));
            let outgoing = record::outgoing(factory, partition, lineage, key, value);
            writing.outgoing.push(outgoing);
            Ok(bytes <= MAX_BYTES)
        };
        // A batch takes from one of the two lists only: an aggregate may be in both, and must not
        // be written twice.
        let is_last = if let (true, Some(first)) = (round.remaining.is_empty(), &round.on_disk) {
            let mut listed = aggregates.listed_from(first);
            let mut has_room = true;
            while has_room
                && writing.written.len() < limit
                && let Some(subject) = listed.next().transpose()?
            {
                has_room = write(&mut writing, subject)?;
            }
            let next = listed.next().transpose()?;
            let is_last = next.is_none();
            writing.next = NextStep::OnDisk(next.map(|subject| subject.to_string()));
            is_last
        } else {
            for subject in round.remaining.iter().rev().take(limit) {
                if !write(&mut writing, Arc::clone(subject))? {
                    break;
                }
            }
            let count = writing.written.len();
            writing.next = NextStep::Remaining(count);
            count == round.remaining.len() && round.on_disk.is_none()
        };
        if is_last {
            writing.cover.tail = round.begin;
        }
        let cover = serde_json::to_vec(&writing.cover)
            .map_err(|error| SnapshotError::State(error.to_string()))?;
        let outgoing = record::outgoing(factory, partition, lineage, cover::KEY.to_vec(), cover);
        writing.outgoing.push(outgoing);
        Ok(writing)
    }

    /// Adopts snapshots after their commit.
    pub(crate) fn written<A: Aggregate>(
        &mut self,
        writing: Writing,
        aggregates: &mut Aggregates<A>,
    ) -> Result<(), DiskError> {
        let Some(round) = &mut self.round else {
            return Ok(());
        };
        match writing.next {
            NextStep::Remaining(count) => {
                round.remaining.truncate(round.remaining.len() - count);
            }
            NextStep::OnDisk(next) => round.on_disk = next,
        }
        if round.remaining.is_empty() && round.on_disk.is_none() {
            self.round = None;
        }
        for (subject, _) in &writing.written {
            self.changed.remove(subject);
        }
        self.cover = writing.cover;
        aggregates.set_written(&writing.written)
    }

    /// Disables snapshots of the partition, because a state cannot be written.
    pub(crate) fn disable(&mut self, topic: &str, reason: &str) {
        tracing::error!(topic, reason, "disabling snapshots of a partition");
        self.every = 0;
        self.round = None;
        self.changed = HashSet::new();
    }
}

/// Returns the snapshot, if it can be written and is not too large.
fn fitting(
    subject: &str,
    snapshot: Result<SnapshotOf, Unusable>,
) -> Result<SnapshotOf, SnapshotError> {
    let refused = |reason| SnapshotError::State(format!("state of {subject}: {reason}"));
    let snapshot = snapshot.map_err(|error| refused(error_chain(&error)))?;
    let size = snapshot.value.len();
    if size > MAX_STATE_BYTES {
        return Err(refused(format!("{size} bytes are too large")));
    }
    Ok(snapshot)
}
