//! The memory that rows may take while a view is rebuilt.
//!
//! Rows are values of the view's own types, so their size is not known. But the process's memory
//! is, and what fits into it is learned: when it is used up, the number of rows at that moment
//! becomes the maximum.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that always fit. A maximum that is learned is never lower, so that a small limit makes a
/// rebuild slow and not endless.
const LEAST_ROWS: usize = 10_000;

/// Limit that all workers share.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Maximum memory of the process, in bytes.
    limit: u64,
    workers: usize,
    most_rows: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(limit: u64, workers: usize) -> Self {
        Self {
            limit,
            workers: workers.max(1),
            most_rows: AtomicUsize::new(usize::MAX),
        }
    }

    /// Sets the maximum number of rows that one worker holds.
    pub(crate) fn most_rows_of_worker(self, rows: usize) -> Self {
        let most_rows = AtomicUsize::new(rows.saturating_mul(self.workers));
        Self { most_rows, ..self }
    }

    /// Returns whether a worker has more rows than its share.
    pub(crate) fn is_exceeded(&self, rows: usize) -> bool {
        let most = self.most_rows.load(Ordering::Relaxed);
        if most < usize::MAX {
            return rows > most / self.workers;
        }
        if rows < LEAST_ROWS || resident().is_none_or(|bytes| bytes < self.limit) {
            return false;
        }
        let learned = rows.saturating_mul(self.workers);
        self.most_rows.store(learned, Ordering::Relaxed);
        true
    }
}

/// Returns the resident memory of this process in bytes, on Linux (`proc_pid_statm(5)`). Elsewhere
/// it is unknown, and so unlimited.
fn resident() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maximum_is_what_was_there_when_the_memory_was_used_up() {
        let memory = Memory::new(1, 2);
        assert!(!memory.is_exceeded(LEAST_ROWS - 1));
        if cfg!(target_os = "linux") {
            assert!(memory.is_exceeded(LEAST_ROWS + 5));
            assert!(!memory.is_exceeded(LEAST_ROWS + 5));
            assert!(memory.is_exceeded(LEAST_ROWS + 6));
        }
        let memory = Memory::new(u64::MAX, 2).most_rows_of_worker(3);
        assert!(!memory.is_exceeded(3) && memory.is_exceeded(4));
    }
}
