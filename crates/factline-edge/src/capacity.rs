//! The partitions whose handlers have no memory for new aggregates. Commands for new aggregates are
//! refused there before they are in the log, instead of being rejected (`capacity`) afterwards.
//!
//! What is known about a partition is as old as its last transaction, see [`crate::marks`]. If all
//! commands of a partition were refused, this would never change. So one command a second passes as
//! a probe.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Interval between two probes of a partition.
const PROBE: Duration = Duration::from_secs(1);

/// The partitions of an aggregate type, as far as is known.
#[derive(Debug)]
pub(crate) struct Capacity(Box<[Partition]>);

#[derive(Debug, Default)]
struct Partition {
    refuses: AtomicBool,
    last_probe: Mutex<Option<Instant>>,
}

impl Capacity {
    /// Returns the partitions of a type before anything is known about them.
    pub(crate) fn unknown(partitions: i32) -> Self {
        Self((0..partitions).map(|_| Partition::default()).collect())
    }

    /// Returns whether a command for a new aggregate is accepted for a partition now.
    pub(crate) fn admits(&self, partition: i32, now: Instant) -> bool {
        let index = usize::try_from(partition).ok();
        let Some(partition) = index.and_then(|index| self.0.get(index)) else {
            return true;
        };
        if !partition.refuses.load(Ordering::Relaxed) {
            return true;
        }
        let last = partition.last_probe.lock();
        let mut last = last.unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= PROBE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// Sets the partitions whose handlers refuse new aggregates.
    pub(crate) fn set(&self, refusing: &BTreeSet<i32>) {
        for (number, partition) in (0..).zip(&self.0) {
            let refuses = refusing.contains(&number);
            partition.refuses.store(refuses, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_without_capacity_admits_one_probe_a_second() {
        let capacity = Capacity::unknown(2);
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let admitted = |partition, times: std::ops::Range<u64>| {
            times
                .filter(|time| capacity.admits(partition, at(*time)))
                .count()
        };
        assert_eq!(admitted(1, 0..100), 100);
        capacity.set(&BTreeSet::from([1]));
        assert_eq!(admitted(0, 0..100), 100);
        assert_eq!(admitted(1, 100..3100), 3);
        assert!(capacity.admits(7, begin));
        capacity.set(&BTreeSet::new());
        assert_eq!(admitted(1, 3100..3200), 100);
    }
}
