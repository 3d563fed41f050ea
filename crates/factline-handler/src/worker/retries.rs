//! The failed tries of a batch: the pause before the next one, and what failures have changed until
//! a batch succeeds. It knows nothing about the transaction.

use std::time::{Duration, Instant};

use crate::log_events;
use crate::readiness::{Problem, Readiness};
use factline_kafka::retry::Backoff;

/// Number of failed tries of a batch after which readiness reports the problem.
const TROUBLE: u32 = 5;

/// Number of failed tries, about half a minute, after which a worker that is no member of its group
/// restarts.
const NO_MEMBER: u32 = 20;

/// Time for which batches are written without snapshots after a batch with snapshots has failed:
/// the snapshots may be the cause.
const SNAPSHOTS_AGAIN: Duration = Duration::from_mins(1);

/// The failed tries of the present batch.
#[derive(Debug)]
pub(super) struct Retries {
    failures: u32,
    backoff: Backoff,
    /// Time at which the batch is retried.
    next: Option<Instant>,
    no_snapshots_before: Option<Instant>,
}

impl Retries {
    pub(super) fn new() -> Self {
        Self {
            failures: 0,
            backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(2)),
            next: None,
            no_snapshots_before: None,
        }
    }

    /// Records a failed try, of which nothing is visible, and plans the next one.
    pub(super) fn failed(&mut self, topic: &str, reason: &str, readiness: &mut Readiness) {
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(
            topic,
            reason,
            event = log_events::BATCH_RETRIED,
            tries = self.failures,
            "transaction aborted; retrying batch"
        );
        if self.failures >= TROUBLE {
            readiness.set(Problem::Batches, Some(reason.to_owned()));
        }
        self.next = Some(Instant::now() + self.backoff.pause());
    }

    /// Records that a batch is committed.
    pub(super) fn succeeded(&mut self, readiness: &mut Readiness) {
        if self.failures >= TROUBLE {
            readiness.set(Problem::Batches, None);
        }
        self.failures = 0;
        self.backoff.reset();
    }

    /// Returns whether a try is planned.
    pub(super) fn is_planned(&self) -> bool {
        self.next.is_some()
    }

    /// Returns the time of the next try, if one is planned, and forgets it.
    pub(super) fn take_next(&mut self) -> Option<Instant> {
        self.next.take()
    }

    /// Returns whether failures have lasted about half a minute. A worker that is no member of its
    /// group must restart.
    pub(super) fn are_lasting(&self) -> bool {
        self.failures >= NO_MEMBER
    }

    /// Leaves out snapshots for a minute.
    pub(super) fn suspend_snapshots(&mut self) {
        self.no_snapshots_before = Some(Instant::now() + SNAPSHOTS_AGAIN);
    }

    /// Returns whether a batch may write snapshots.
    pub(super) fn allow_snapshots(&self) -> bool {
        self.no_snapshots_before
            .is_none_or(|end| Instant::now() >= end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn failed(retries: &mut Retries, readiness: &mut Readiness) -> Duration {
        let before = Instant::now();
        retries.failed("commands", "no broker", readiness);
        retries.take_next().expect("a retry is planned") - before
    }

    #[test]
    fn pauses_grow_until_a_batch_succeeds() {
        let mut readiness = Readiness::new(|_| {}, Problem::Joining);
        let mut retries = Retries::new();
        assert_eq!(retries.take_next(), None);
        assert!(failed(&mut retries, &mut readiness) < Duration::from_millis(40));
        for _ in 0..20 {
            failed(&mut retries, &mut readiness);
        }
        assert!(failed(&mut retries, &mut readiness) >= Duration::from_millis(1500));
        assert!(retries.are_lasting());
        retries.succeeded(&mut readiness);
        assert!(!retries.are_lasting());
        assert!(failed(&mut retries, &mut readiness) < Duration::from_millis(40));
    }

    #[test]
    fn readiness_reports_lasting_failures_until_a_batch_succeeds() {
        let reported = Arc::new(Mutex::new(Ok(())));
        let report = Arc::clone(&reported);
        let mut readiness = Readiness::new(
            move |state| *report.lock().unwrap() = state,
            Problem::Joining,
        );
        readiness.set(Problem::Joining, None);
        let mut retries = Retries::new();
        for tries in 1..=TROUBLE {
            assert_eq!(*reported.lock().unwrap(), Ok(()), "before try {tries}");
            failed(&mut retries, &mut readiness);
        }
        assert_eq!(*reported.lock().unwrap(), Err("no broker".to_owned()));
        retries.succeeded(&mut readiness);
        assert_eq!(*reported.lock().unwrap(), Ok(()));
    }
}
