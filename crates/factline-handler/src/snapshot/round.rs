//! Which aggregates are written when.
//!
//! A round begins when so many events have come since the last one began. It takes the aggregates that have changed since they
//! were written last, a few with each batch, as they are then. When it is through, everything up to its beginning is covered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use factline::Aggregate;

use super::cover::{self, Cover, Tail};
use super::record;
use crate::decide::record_factory::{Outgoing, Wire};
use crate::state::aggregate::Stored;
use factline::error_chain;

/// Snapshots in one batch: so many for each of its commands, and never fewer than `LEAST`, so that a round ends.
const FOR_EACH_COMMAND: usize = 2;
const LEAST: usize = 16;

/// Bytes of snapshots in one batch.
const MOST_BYTES: usize = 4 << 20;

/// A state beyond this has no snapshot, and neither has its partition; the topic takes 2 MiB.
const LARGEST: usize = 2_000_000;

/// What is written of a partition, and what is yet to be.
#[derive(Debug)]
pub(crate) struct Snapshots {
    cover: Cover,
    /// Aggregates that have changed since they were written.
    changed: HashSet<Arc<str>>,
    round: Option<Round>,
    /// Events between the beginnings of two rounds; 0 is never.
    every: u64,
}

#[derive(Debug)]
struct Round {
    begin: Tail,
    left: Vec<Arc<str>>,
}

/// What a batch writes down, to be taken in once it is committed.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) outgoing: Vec<Outgoing>,
    written: Vec<(Arc<str>, u64)>,
    cover: Cover,
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

    /// An aggregate has changed.
    pub(crate) fn change(&mut self, subject: &Arc<str>) {
        if self.every > 0 {
            self.changed.insert(Arc::clone(subject));
        }
    }

    /// Whether a round should begin, now that events have come to this sequence.
    pub(crate) fn is_due(&self, sequence: u64) -> bool {
        let since = sequence.saturating_sub(self.cover.tail.sequence);
        self.every > 0 && self.round.is_none() && since >= self.every
    }

    /// Begins a round: what is committed now will be covered by it.
    pub(crate) fn begin(&mut self, begin: Tail) {
        let left = self.changed.drain().collect();
        self.round = Some(Round { begin, left });
    }

    /// The next few of the round, as they are, for a batch of so many commands; or why they cannot be written.
    pub(crate) fn next<A: Aggregate>(
        &self,
        wire: &Wire,
        partition: i32,
        aggregates: &HashMap<Arc<str>, Stored<A>>,
        commands: usize,
    ) -> Option<Result<Writing, String>> {
        let round = self.round.as_ref()?;
        let mut writing = Writing {
            outgoing: Vec::new(),
            written: Vec::new(),
            cover: self.cover.clone(),
        };
        let lineage = self.cover.lineage;
        let (most, mut bytes) = ((commands * FOR_EACH_COMMAND).max(LEAST), 0);
        for subject in round.left.iter().rev().take(most) {
            let Some(stored) = aggregates.get(subject) else {
                return Some(Err(format!("{subject} is not known")));
            };
            let value = match encoded(stored) {
                Ok(value) => value,
                Err(reason) => return Some(Err(format!("the state of {subject}: {reason}"))),
            };
            let key = record::key(subject);
            bytes += key.len() + value.len();
            let checksum = record::checksum(&key, &value);
            writing.cover.replace(stored.kept, checksum);
            writing.written.push((Arc::clone(subject), checksum));
            let outgoing = record::outgoing(wire, partition, lineage, key, value);
            writing.outgoing.push(outgoing);
            if bytes > MOST_BYTES {
                break;
            }
        }
        if writing.written.len() == round.left.len() {
            writing.cover.tail = round.begin;
        }
        let cover = match serde_json::to_vec(&writing.cover) {
            Ok(cover) => cover,
            Err(error) => return Some(Err(error.to_string())),
        };
        let outgoing = record::outgoing(wire, partition, lineage, cover::KEY.to_vec(), cover);
        writing.outgoing.push(outgoing);
        Some(Ok(writing))
    }

    /// What was written is committed.
    pub(crate) fn written<A>(
        &mut self,
        writing: Writing,
        aggregates: &mut HashMap<Arc<str>, Stored<A>>,
    ) {
        let Some(round) = &mut self.round else {
            return;
        };
        round
            .left
            .truncate(round.left.len() - writing.written.len());
        if round.left.is_empty() {
            self.round = None;
        }
        for (subject, checksum) in writing.written {
            self.changed.remove(&subject);
            if let Some(stored) = aggregates.get_mut(&subject) {
                stored.kept = checksum;
            }
        }
        self.cover = writing.cover;
    }

    /// No more of them: a state cannot be written.
    pub(crate) fn give_up(&mut self, topic: &str, reason: &str) {
        tracing::error!(
            topic,
            reason,
            "no more snapshots are written of a partition"
        );
        self.every = 0;
        self.round = None;
        self.changed = HashSet::new();
    }
}

fn encoded<A: Aggregate>(stored: &Stored<A>) -> Result<Vec<u8>, String> {
    let value = record::encode(stored).map_err(|error| error_chain(&error))?;
    if value.len() > LARGEST {
        return Err(format!("it has {} bytes", value.len()));
    }
    Ok(value)
}
