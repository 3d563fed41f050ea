//! Records that can never be written: halted at, parked or skipped.
//!
//! Pure bookkeeping, like [`crate::partition`].

use std::collections::VecDeque;

use factline::{Timestamp, error_chain};

use crate::batch::Batch;
use crate::partition::{Partitions, Stop};
use crate::sink::{Poison, PoisonPolicy};

/// Decides about a record that cannot be written. The queue has the batch with the record, and
/// those that come after it. If the partition must halt, removes its records from that one on, and
/// returns the reason.
pub(crate) fn set_aside(
    partitions: &mut Partitions,
    queue: &mut VecDeque<Batch>,
    policy: PoisonPolicy,
    poison: Poison,
    now: Timestamp,
) -> Option<Stop> {
    let key = (poison.topic.clone(), poison.partition);
    let offset = poison.offset;
    let cause = error_chain(poison.cause.as_ref());
    let mut batches = queue.iter();
    // A sink that names a record that it was not given has a defect.
    let record = batches.find_map(|batch| batch.applied_at(&key, offset));
    let stop = match (policy, record) {
        (PoisonPolicy::Park, Some(record)) if !poison.must_halt => {
            let of = record.key.clone().unwrap_or_default();
            let stop = partitions.park(record, poison, now);
            if stop.is_none() {
                for batch in queue.iter_mut() {
                    batch.park(&key, &of, offset, &cause);
                }
            }
            stop
        }
        (PoisonPolicy::Skip, Some(_)) if !poison.must_halt => {
            for batch in queue.iter_mut() {
                batch.skip(&key, offset, &cause);
            }
            None
        }
        _ => Some(Stop::Poison(poison)),
    };
    if stop.is_some() {
        for batch in queue {
            batch.cut(&key, offset);
        }
    }
    stop
}

#[cfg(test)]
mod tests;
