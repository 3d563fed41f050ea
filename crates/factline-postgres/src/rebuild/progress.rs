//! The progress of a rebuild, for those who watch it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Step of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// Creates the tables.
    #[default]
    Preparing,
    /// Folds events in memory and inserts the rows, a partition at a time.
    Filling,
    /// Builds the indexes.
    Indexing,
    /// Applies the events that have come meanwhile.
    CatchingUp,
    /// Gives the new rows to readers.
    Swapping,
    /// Compares the new rows with those that readers see.
    Comparing,
}

/// Progress of a rebuild.
#[derive(Debug, Default)]
pub struct Progress {
    step: Mutex<Step>,
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Returns the present step.
    pub fn step(&self) -> Step {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of records read, and of those to read. Markers of transactions count
    /// among the latter.
    pub fn records(&self) -> (u64, u64) {
        let [done, total] = [&self.done, &self.total].map(|count| count.load(Ordering::Relaxed));
        (done.min(total), total)
    }

    pub(crate) fn begin(&self, step: Step) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    pub(crate) fn expect(&self, records: u64) {
        self.total.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, records: u64) {
        self.done.fetch_add(records, Ordering::Relaxed);
    }
}
