//! Readiness of a worker.

use std::time::{Duration, Instant};

/// Minimum interval between two reports of a recovery's progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// Temporary reason for being not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// The group has not assigned partitions yet.
    Joining,
    /// The state of partitions is being recovered.
    Recovery,
    /// No broker can be reached.
    Brokers,
    /// Batches fail.
    Batches,
    /// The registry does not return the schema of a command.
    Registry,
    /// The clock of a broker is ahead.
    Clock,
    /// There is no memory for new aggregates.
    Memory,
    /// A partition has commands and does not move.
    Stuck,
}

/// Readiness with the reasons of a worker.
pub(crate) type Readiness = factline_kafka::consumer::readiness::Readiness<Problem>;

/// The reports of a recovery's progress, which are limited to one a second.
#[derive(Debug, Default)]
pub(crate) struct ProgressReports(Option<Instant>);

impl ProgressReports {
    /// Records that a recovery begins: its begin is reported.
    pub(crate) fn begin(&mut self) {
        self.0 = Some(Instant::now());
    }

    /// Returns whether the progress is to be reported now.
    pub(crate) fn are_due(&mut self) -> bool {
        let are_due = self.0.is_none_or(|last| last.elapsed() > PROGRESS);
        if are_due {
            self.0 = Some(Instant::now());
        }
        are_due
    }
}
