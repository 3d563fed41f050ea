//! Deadlines where no command comes that would bring the time for them.
//!
//! Before a deadline that has come due, every command is decided that was appended before: so when the wall clock has
//! passed it, the end of the commands is captured, and it waits until everything up to there is handled. The captured end stays,
//! so load, however constant, cannot starve it.

use std::collections::HashMap;

use factline::{Aggregate, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::owned::Owned;
use super::ownership::Ownership;
use crate::in_one_line;
use crate::member::{Key, positions};

/// The ends that were captured.
#[derive(Debug, Default)]
pub(super) struct Idle(HashMap<i32, Captured>);

#[derive(Debug)]
struct Captured {
    /// Deadlines up to this time may be decided ...
    time: Timestamp,
    /// ... once all commands up to this offset are handled.
    end: i64,
}

impl Idle {
    /// Whether something waits for commands to be handled.
    pub(super) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// The partitions whose deadlines, up to a time each, are now to be decided.
    pub(super) fn ripe<A: Aggregate>(
        &mut self,
        consumer: &BaseConsumer<Ownership<A>>,
        topic: &str,
    ) -> HashMap<i32, Timestamp> {
        let now = chrono::Utc::now();
        let due = due(&consumer.context().owned(), now);
        self.0.retain(|partition, captured| {
            due.get(partition)
                .is_some_and(|(due, _)| *due <= captured.time)
        });
        let mut ripe = HashMap::new();
        for (partition, (_, next)) in due {
            let Some(captured) = self.0.get(&partition) else {
                // Also what stands behind a stranger's open transaction was appended before.
                match consumer.context().end_of(topic, partition) {
                    Ok(end) => {
                        self.0.insert(partition, Captured { time: now, end });
                    }
                    Err(error) => {
                        let error = in_one_line(&error);
                        tracing::warn!(topic, partition, error, "deadlines wait for kafka");
                    }
                }
                continue;
            };
            if next >= captured.end || has_passed(consumer, topic, partition, captured.end) {
                ripe.insert(partition, captured.time);
            }
        }
        ripe
    }
}

/// Whether nothing is left to be handled below an end that no command has reached. It may be none: the transaction of a
/// foreign producer leaves a mark behind it, which nobody can consume, and which librdkafka's position passes all the same.
fn has_passed<A: Aggregate>(
    consumer: &BaseConsumer<Ownership<A>>,
    topic: &str,
    partition: i32,
    end: i64,
) -> bool {
    let is_pending = consumer.context().owned().is_pending(partition, end);
    let has_passed = |((of, number), position): &(Key, i64)| {
        of == topic && *number == partition && *position >= end
    };
    !is_pending && positions(consumer).iter().any(has_passed)
}

/// The partitions in which a deadline is due: when the first is, and where handling has come to. Those with commands at
/// hand are in it, too: their end has to be captured before those are handled, not when they are at rest.
fn due<A: Aggregate>(owned: &Owned<A>, now: Timestamp) -> HashMap<i32, (Timestamp, i64)> {
    let due = owned.partitions.iter().filter_map(|(partition, state)| {
        let due = state.due().filter(|due| *due <= now)?;
        Some((*partition, (due, state.next())))
    });
    due.collect()
}
