//! Deadlines where no command comes that would bring the time for them.
//!
//! Before a deadline that has come due, every command is decided that was appended before: so when the wall clock has
//! passed it, the end of the commands is captured, and it waits until everything up to there is handled. The captured end stays,
//! so load, however constant, cannot starve it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::ownership::{Owned, Ownership};
use crate::ends::watermarks;

/// How long Kafka may take to say where a partition ends.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A partition's end may be no command: a foreign producer's transaction leaves a mark there, which nobody can consume.
/// If nothing more has come for so long, nothing will.
const SILENCE: Duration = Duration::from_secs(5);

/// The ends that were captured.
#[derive(Debug, Default)]
pub(super) struct Idle(HashMap<i32, Captured>);

#[derive(Debug)]
struct Captured {
    /// Deadlines up to this time may be decided ...
    time: Timestamp,
    /// ... once all commands up to this offset are handled.
    end: i64,
    /// Where handling has come to, and since when it has not moved.
    next: i64,
    since: Instant,
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
            let captured = self.0.get_mut(&partition);
            let Some(captured) = captured else {
                match watermarks(consumer, topic, partition, TIMEOUT) {
                    Ok((_, end)) => {
                        let captured = Captured {
                            time: now,
                            end,
                            next,
                            since: Instant::now(),
                        };
                        self.0.insert(partition, captured);
                    }
                    Err(error) => {
                        tracing::warn!(topic, partition, %error, "deadlines wait for kafka");
                    }
                }
                continue;
            };
            if captured.next != next {
                captured.next = next;
                captured.since = Instant::now();
            }
            if next >= captured.end || captured.since.elapsed() > SILENCE {
                ripe.insert(partition, captured.time);
            }
        }
        ripe
    }
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
