//! A batch of commands, decided: what is to be written, and what to believe once it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use factline::Aggregate;
use factline::outcome::State;
use rdkafka::{Offset, TopicPartitionList};

use super::command::{self, Fault, Handled};
use super::outgoing::{Outgoing, Wire};
use super::ownership::Owned;
use super::partition::{Changes, Overlay};
use crate::decode;

/// Nothing of it is visible or adopted yet.
pub(super) struct Batch<A> {
    /// The records to write, in order within each partition.
    pub(super) outgoing: Vec<Outgoing>,
    /// Of each partition, the offset after the last command that was decided.
    next: HashMap<i32, i64>,
    changes: HashMap<i32, Changes<A>>,
    /// How many commands came to which end.
    states: BTreeMap<&'static str, u64>,
    /// Why some partitions' commands were left out: the registry does not answer.
    pub(super) waiting: Option<decode::Error>,
}

impl<A: Aggregate> Batch<A> {
    /// Decides the first `count` pending records. `fault` is one that the broker has found in the first.
    pub(super) fn decide(
        wire: &Wire,
        runtime: &tokio::runtime::Handle,
        owned: &Owned<A>,
        count: usize,
        mut fault: Option<Fault>,
    ) -> Self {
        let mut overlays: HashMap<i32, Overlay<'_, A>> = HashMap::new();
        let mut batch = Self {
            outgoing: Vec::new(),
            next: HashMap::new(),
            changes: HashMap::new(),
            states: BTreeMap::new(),
            waiting: None,
        };
        let mut waiting = HashSet::new();
        for record in owned.pending.iter().take(count) {
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
            match command::handle(wire, runtime, overlay, record, fault.take()) {
                Ok(Handled { state, outgoing }) => {
                    batch.outgoing.extend(outgoing);
                    batch.next.insert(partition, record.offset + 1);
                    *batch
                        .states
                        .entry(state.map_or("duplicate", State::as_str))
                        .or_default() += 1;
                }
                // Order within a partition is kept: what follows waits, too. Other partitions go on.
                Err(error) => {
                    waiting.insert(partition);
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

    /// Whether no command was decided.
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// How many commands were decided.
    pub(super) fn len(&self) -> u64 {
        self.states.values().sum()
    }

    /// The offsets to commit: of every partition that the batch writes for.
    pub(super) fn offsets(&self, topic: &str) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            // Adding to a list fails on a negative offset only.
            let _ = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next));
        }
        offsets
    }

    /// Believes the batch, which is committed.
    pub(super) fn adopt(self, owned: &mut Owned<A>, aggregate: &'static str) {
        for (partition, changes) in self.changes {
            if let Some(partition) = owned.partitions.get_mut(&partition) {
                partition.adopt(changes);
            }
        }
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
