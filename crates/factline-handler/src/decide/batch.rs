//! A decided batch of commands: the records of its facts, and the states to adopt after the commit.
//!
//! `schedule` decides a batch, and `cancels` finds the cancels in it.

mod cancels;
mod schedule;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;
use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, EventOf};
use rdkafka::{Offset, TopicPartitionList};

use crate::decide::encode::Outgoing;
use crate::decide::facts::Facts;
use crate::decide::record_factory::RecordFactory;
use crate::snapshot::round::{SnapshotError, Writing};
use crate::state::changes::Changes;
use crate::state::disk::DiskError;
use crate::state::partition::Partition;
use crate::state::waiting::Waiting;
use factline_kafka::records::record::Record;

/// A decided batch. Nothing of it is visible or adopted yet.
pub(crate) struct Batch<A: Aggregate> {
    /// The facts of each command and deadline, in order within each partition. Only tests keep
    /// them: their records are written, and keeping them makes a decision a tenth slower.
    #[cfg(test)]
    pub(crate) facts: Vec<Facts<EventOf<A::Type>>>,
    /// The records of the facts and of snapshots, in order within each partition.
    pub(crate) records: Vec<Outgoing>,
    /// For each partition, the offset of the next command to be handled.
    next: HashMap<i32, i64>,
    changes: HashMap<i32, Changes<A>>,
    /// Partition and offset of the cancels that were decided with their commands, and whose own
    /// place is not reached.
    ahead: HashSet<(i32, i64)>,
    /// Number of commands and cancels by the state of their outcome, and of deadlines.
    labels: BTreeMap<&'static str, usize>,
    /// The time by which each deadline is decided late.
    lateness: Vec<TimeDelta>,
    /// For each partition, the number of decided commands and deadlines.
    counts: HashMap<i32, usize>,
    /// Snapshots of aggregates, as they were before the batch.
    snapshots: HashMap<i32, Result<Writing, SnapshotError>>,
    /// The partitions whose commands were left out, with the reason.
    pub(crate) waiting: HashMap<i32, Waiting>,
}

impl<A: Aggregate> Batch<A> {
    /// Creates a batch in which nothing is decided yet, with room for the usual records of `count`
    /// commands.
    fn with_capacity(count: usize) -> Self {
        Self {
            #[cfg(test)]
            facts: Vec::new(),
            records: Vec::with_capacity(2 * count),
            next: HashMap::new(),
            changes: HashMap::new(),
            ahead: HashSet::new(),
            labels: BTreeMap::new(),
            lateness: Vec::new(),
            counts: HashMap::new(),
            snapshots: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    /// Adds facts whose records have been appended.
    fn add(&mut self, facts: &Facts<EventOf<A::Type>>) {
        *self.labels.entry(facts.label()).or_default() += 1;
        if facts.cancel.is_some() {
            *self.labels.entry(State::Completed.as_str()).or_default() += 1;
        }
        if let Some(outcome) = &facts.outcome
            && facts.kind == OutcomeKind::Deadline
        {
            let known = &outcome.envelope;
            self.lateness.push(known.origin_time - known.time);
        }
        *self.counts.entry(facts.partition).or_default() += 1;
        #[cfg(test)]
        self.facts.push(facts.clone());
    }

    /// Adds the snapshots that are due, of those partitions for which the batch writes anyway,
    /// until they have this many bytes. The order of the partitions is random. The batch writes
    /// those of `batches` batches: the others are decided while one is being committed, and have
    /// none.
    pub(crate) fn add_snapshots(
        &mut self,
        factory: &RecordFactory,
        partitions: &HashMap<i32, Partition<A>>,
        batches: usize,
        most_bytes: usize,
    ) {
        let mut bytes = 0;
        for (partition, commands) in &self.counts {
            if bytes > most_bytes {
                break;
            }
            let (state, commands) = (partitions.get(partition), commands * batches);
            let next = state.and_then(|state| state.next_snapshots(factory, *partition, commands));
            let Some(mut writing) = next else {
                continue;
            };
            if let Ok(writing) = &mut writing {
                bytes += writing.bytes();
                self.records.append(&mut writing.outgoing);
            }
            self.snapshots.insert(*partition, writing);
        }
    }

    /// Returns whether the batch writes snapshots.
    pub(crate) fn has_snapshots(&self) -> bool {
        !self.snapshots.is_empty()
    }

    /// Returns whether nothing was decided.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the number of decided commands and deadlines.
    pub(crate) fn len(&self) -> usize {
        self.labels.values().sum()
    }

    /// Returns the changes, by partition: the next batch may be decided on them.
    pub(crate) fn changes(&self) -> &HashMap<i32, Changes<A>> {
        &self.changes
    }

    /// Returns the offsets to commit: those of every partition that the batch writes for.
    pub(crate) fn offsets(&self, topic: &str) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            // Adding to a list fails only on a negative offset.
            let _ = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next));
        }
        offsets
    }

    /// Adopts the next states. Only a mutant calls this before the commit.
    pub(crate) fn adopt_states(
        &mut self,
        partitions: &mut HashMap<i32, Partition<A>>,
    ) -> Result<(), DiskError> {
        for (partition, changes) in self.changes.drain() {
            if let Some(partition) = partitions.get_mut(&partition) {
                partition.adopt(changes)?;
            }
        }
        Ok(())
    }

    /// Adopts the batch after its commit, and removes its commands from the pending ones. After an
    /// error the states must be recovered.
    pub(crate) fn adopt(
        mut self,
        factory: &RecordFactory,
        partitions: &mut HashMap<i32, Partition<A>>,
        commands: &mut Vec<Record>,
    ) -> Result<(), DiskError> {
        for (partition, written) in std::mem::take(&mut self.snapshots) {
            if let Some(partition) = partitions.get_mut(&partition) {
                partition.adopt_snapshots(factory.topics.snapshots(), written)?;
            }
        }
        self.adopt_states(partitions)?;
        commands.retain(|record| {
            self.next
                .get(&record.partition)
                .is_none_or(|next| record.offset >= *next)
        });
        let aggregate = factory.contract.aggregate;
        for lateness in self.lateness {
            metrics::histogram!("factline_deadline_lateness_seconds", "aggregate" => aggregate)
                .record(lateness.as_seconds_f64());
        }
        for (outcome, count) in self.labels {
            let count = count as u64;
            metrics::counter!("factline_commands_total", "aggregate" => aggregate, "outcome" => outcome).increment(count);
        }
        Ok(())
    }
}
