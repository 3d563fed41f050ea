//! The order in which a batch decides commands and deadlines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, mutated};

use super::Batch;
use super::cancels::Cancels;
use crate::decide::handle::{self, CommandInput};
use crate::decide::inputs::{Budget, Environment, Pending};
use crate::state::overlay::Overlay;
use crate::state::waiting::Waiting;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// Returns the overlay of a partition; none if the worker does not have the partition.
fn overlay_of<'o, 'p, A: Aggregate>(
    overlays: &'o mut HashMap<i32, Overlay<'p, A>>,
    pending: &Pending<'p, A>,
    partition: i32,
) -> Option<&'o mut Overlay<'p, A>> {
    match overlays.entry(partition) {
        Entry::Occupied(known) => Some(known.into_mut()),
        Entry::Vacant(place) => Some(place.insert(pending.overlay(partition)?)),
    }
}

impl<A: Aggregate> Batch<A> {
    /// Decides commands and deadlines until the budget is spent: pending commands, before each the
    /// deadlines that are due at its time, and at last those that are due in idle partitions.
    pub(crate) fn decide(
        environment: &Environment<'_, A>,
        pending: &Pending<'_, A>,
        mut budget: Budget,
    ) -> Self {
        let mut overlays: HashMap<i32, Overlay<'_, A>> = HashMap::new();
        let mut batch = Self::with_capacity(pending.commands.len().min(budget.count()));
        let cancels = Cancels::among(environment, pending.commands);
        // Order within a partition is kept: if a command waits, later commands of its partition
        // wait, too. Other partitions continue.
        let is_waiting = |batch: &Self, partition: &i32| {
            pending.held.contains(partition) || batch.waiting.contains_key(partition)
        };
        for record in pending.commands {
            if budget.is_spent() {
                break;
            }
            let partition = record.partition;
            if is_waiting(&batch, &partition) {
                continue;
            }
            let Some(overlay) = overlay_of(&mut overlays, pending, partition) else {
                continue;
            };
            if record.offset < overlay.next() {
                continue;
            }
            let decided = batch.decide_command(environment, overlay, record, &cancels, &mut budget);
            if let Err(reason) = decided {
                batch.waiting.insert(partition, reason);
            }
        }
        for (partition, now) in pending.idle {
            if !is_waiting(&batch, partition)
                && let Some(overlay) = overlay_of(&mut overlays, pending, *partition)
            {
                let decided = batch.decide_due(environment, overlay, *partition, *now, &mut budget);
                if let Err(reason) = decided {
                    batch.waiting.insert(*partition, reason);
                }
            }
        }
        let changes = overlays
            .into_iter()
            .map(|(partition, overlay)| (partition, overlay.into_changes()));
        batch.changes = changes.collect();
        batch
    }

    /// Decides the deadlines that are due at the time of a command, and then the command, with its
    /// cancel if there is one.
    fn decide_command(
        &mut self,
        environment: &Environment<'_, A>,
        overlay: &mut Overlay<'_, A>,
        record: &Record,
        cancels: &Cancels<'_>,
        budget: &mut Budget,
    ) -> Result<(), Waiting> {
        let partition = record.partition;
        let time = environment.time_of(record);
        let now = overlay.time().max(time);
        self.decide_due(environment, overlay, partition, now, budget)?;
        if budget.is_spent() {
            return Ok(());
        }
        if self.ahead.remove(&(partition, record.offset)) {
            handle::repeat(overlay, record, time);
            self.next.insert(partition, overlay.next());
            return Ok(());
        }
        handle::fetch(overlay, record)?;
        let cancel = cancels.of(environment, overlay, record)?;
        let (ahead, cancel) = cancel.unzip();
        let input = CommandInput {
            record,
            time,
            fault: budget.take(),
            cancel,
        };
        let facts = handle::command(environment, overlay, input, &mut self.records)?;
        self.next.insert(partition, overlay.next());
        if let Some(offset) = ahead.filter(|_| facts.cancel.is_some()) {
            self.ahead.insert((partition, offset));
        }
        self.add(&facts);
        Ok(())
    }

    /// Decides the deadlines of a partition that are due at a time, until the budget is spent.
    fn decide_due(
        &mut self,
        environment: &Environment<'_, A>,
        overlay: &mut Overlay<'_, A>,
        partition: i32,
        now: Timestamp,
        budget: &mut Budget,
    ) -> Result<(), Waiting> {
        while !budget.is_spent()
            && let Some(subject) = overlay.first_due(now)
        {
            overlay
                .fetch(Some(&subject), std::iter::empty())
                .map_err(Waiting::from)?;
            let fault = budget.take();
            let records = &mut self.records;
            let facts = handle::deadline(environment, overlay, partition, &subject, fault, records)
                .map_err(decode::Error::Avro)?;
            // Also if no command was handled: Kafka checks only with offsets that this worker still
            // owns the partition.
            if !mutated(Mutant::NoDeadlineOffsets) {
                self.next.insert(partition, overlay.next());
            }
            self.add(&facts);
        }
        Ok(())
    }
}
