//! A batch of commands, decided: what is to be written, and what to believe once it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use factline::outcome::State;
use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, mutated};
use rdkafka::{Offset, TopicPartitionList};

use crate::assignment::Owned;
use crate::decide::command::{self, Fault, Handled};
use crate::decide::deadline;
use crate::decide::record_factory::{Outgoing, Wire};
use crate::snapshot::round::Writing;
use crate::state::partition::{Changes, Overlay};
use crate::state::waiting::Waiting;
use factline_kafka::records::decode;

/// How much may still be decided, and what is known of the first.
struct Left {
    count: usize,
    fault: Option<Fault>,
}

impl Left {
    /// One more is decided.
    fn take(&mut self) -> Option<Fault> {
        self.count -= 1;
        self.fault.take()
    }
}

/// Nothing of it is visible or adopted yet.
pub(crate) struct Batch<A> {
    /// The records to write, in order within each partition.
    pub(crate) outgoing: Vec<Outgoing>,
    /// Of each partition, the offset of the next command to be handled.
    next: HashMap<i32, i64>,
    changes: HashMap<i32, Changes<A>>,
    /// How many commands came to which end.
    states: BTreeMap<&'static str, u64>,
    /// Of each partition, how many commands and deadlines were decided.
    counts: HashMap<i32, usize>,
    /// Aggregates that are written down, as they were before the batch.
    snapshots: HashMap<i32, Result<Writing, String>>,
    /// Why some partitions' commands were left out.
    pub(crate) waiting: Option<Waiting>,
}

impl<A: Aggregate> Batch<A> {
    /// Decides the first `count` of what there is to decide: pending records, before each of them the deadlines that are
    /// due at its time, and at last those that are due in `idle` partitions. `fault` is one that the broker has found in
    /// the first.
    pub(crate) fn decide(
        wire: &Wire,
        runtime: &tokio::runtime::Handle,
        owned: &Owned<A>,
        idle: &HashMap<i32, Timestamp>,
        (count, fault): (usize, Option<Fault>),
    ) -> Self {
        let mut overlays: HashMap<i32, Overlay<'_, A>> = HashMap::new();
        let mut batch = Self {
            outgoing: Vec::new(),
            next: HashMap::new(),
            changes: HashMap::new(),
            states: BTreeMap::new(),
            counts: HashMap::new(),
            snapshots: HashMap::new(),
            waiting: None,
        };
        let mut left = Left { count, fault };
        let mut waiting = HashSet::new();
        for record in &owned.pending {
            if left.count == 0 {
                break;
            }
            let partition = record.partition;
            let Some(state) = owned.partitions.get(&partition) else {
                continue;
            };
            if waiting.contains(&partition) {
                continue;
            }
            let overlay = overlays
                .entry(partition)
                .or_insert_with(|| Overlay::over(state));
            let now = overlay.time().max(record.timestamp);
            let handled = batch
                .fire(wire, overlay, partition, now, &mut left)
                .and_then(|done| {
                    if !done {
                        return Ok(());
                    }
                    if let Some(known) = overlay.is_full(record.timestamp) {
                        return Err(Waiting::Full { partition, known });
                    }
                    if let Some(bytes) = state.too_heavy() {
                        return Err(Waiting::Heavy { partition, bytes });
                    }
                    let fault = left.take();
                    let handled = command::handle(wire, runtime, overlay, record, fault)?;
                    batch.handled(partition, overlay.next(), handled);
                    Ok(())
                });
            // Order within a partition is kept: what follows waits, too. Other partitions go on.
            if let Err(error) = handled {
                waiting.insert(partition);
                batch.waiting = Some(error);
            }
        }
        for (partition, now) in idle {
            if let Some(state) = owned.partitions.get(partition)
                && !waiting.contains(partition)
            {
                let overlay = overlays
                    .entry(*partition)
                    .or_insert_with(|| Overlay::over(state));
                if let Err(error) = batch.fire(wire, overlay, *partition, *now, &mut left) {
                    batch.waiting = Some(error);
                }
            }
        }
        let changes = overlays
            .into_iter()
            .map(|(partition, overlay)| (partition, overlay.into_changes()));
        batch.changes = changes.collect();
        batch
    }

    /// Decides what is due in a partition at a time. Answers whether that was all.
    fn fire(
        &mut self,
        wire: &Wire,
        overlay: &mut Overlay<'_, A>,
        partition: i32,
        now: Timestamp,
        left: &mut Left,
    ) -> Result<bool, Waiting> {
        while let Some(subject) = overlay.first_due(now) {
            if left.count == 0 {
                return Ok(false);
            }
            let fault = left.take();
            let outgoing = deadline::fire(wire, overlay, partition, &subject, fault)
                .map_err(decode::Error::Avro)?;
            self.outgoing.extend(outgoing);
            // Also where no command was handled: only offsets make Kafka check that the partition is still ours.
            if !mutated(Mutant::NoDeadlineOffsets) {
                self.next.insert(partition, overlay.next());
            }
            *self.states.entry("deadline").or_default() += 1;
            *self.counts.entry(partition).or_default() += 1;
        }
        Ok(left.count > 0)
    }

    /// Adds the snapshots that are to be written, of those partitions for which the batch writes anyway.
    pub(crate) fn with_snapshots(&mut self, wire: &Wire, owned: &Owned<A>) {
        for (partition, commands) in &self.counts {
            let state = owned.partitions.get(partition);
            let next = state.and_then(|state| state.next_snapshots(wire, *partition, *commands));
            let Some(mut writing) = next else {
                continue;
            };
            if let Ok(writing) = &mut writing {
                self.outgoing.append(&mut writing.outgoing);
            }
            self.snapshots.insert(*partition, writing);
        }
    }

    /// Whether it writes snapshots.
    pub(crate) fn has_snapshots(&self) -> bool {
        !self.snapshots.is_empty()
    }

    fn handled(&mut self, partition: i32, next: i64, handled: Handled) {
        let Handled { state, outgoing } = handled;
        self.outgoing.extend(outgoing);
        self.next.insert(partition, next);
        *self.counts.entry(partition).or_default() += 1;
        *self
            .states
            .entry(state.map_or("duplicate", State::as_str))
            .or_default() += 1;
    }

    /// Whether nothing was decided.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// How many commands and deadlines were decided.
    pub(crate) fn len(&self) -> u64 {
        self.states.values().sum()
    }

    /// The offsets to commit: of every partition that the batch writes for.
    pub(crate) fn offsets(&self, topic: &str) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            // Adding to a list fails on a negative offset only.
            let _ = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next));
        }
        offsets
    }

    /// Adopts the next states. Before the commit, only a mutant does that.
    pub(crate) fn adopt_states(&mut self, owned: &mut Owned<A>) {
        for (partition, changes) in self.changes.drain() {
            if let Some(partition) = owned.partitions.get_mut(&partition) {
                partition.adopt(changes);
            }
        }
    }

    /// Adopts the batch, which is committed.
    pub(crate) fn adopt(mut self, owned: &mut Owned<A>, wire: &Wire) {
        let aggregate = wire.contract.aggregate;
        for (partition, written) in std::mem::take(&mut self.snapshots) {
            if let Some(partition) = owned.partitions.get_mut(&partition) {
                partition.adopt_snapshots(wire.topics.snapshots(), written);
            }
        }
        self.adopt_states(owned);
        owned.pending.retain(|record| {
            self.next
                .get(&record.partition)
                .is_none_or(|next| record.offset >= *next)
        });
        for (outcome, count) in self.states {
            metrics::counter!("factline_commands_total", "aggregate" => aggregate, "outcome" => outcome).increment(count);
        }
    }
}
