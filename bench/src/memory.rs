//! Memory of this process, and of those that it has started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cpu;

/// Returns the resident MiB, by Linux's accounting; 0 on other systems.
pub(crate) fn in_use() -> u64 {
    resident("self")
}

/// Returns the resident MiB of the processes of each program that this one has started, and its
/// own.
pub(crate) fn by_program() -> BTreeMap<String, u64> {
    let mut programs = BTreeMap::new();
    for (id, program, _) in cpu::started() {
        *programs.entry(program).or_default() += resident(&id.to_string());
    }
    programs
}

fn resident(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}

/// The highest use of memory while it is watched.
pub(crate) struct Peak {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<u64>,
}

impl Peak {
    /// Begins to watch.
    pub(crate) fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watcher = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(in_use());
                std::thread::sleep(Duration::from_millis(100));
            }
            peak
        });
        Self { stop, watcher }
    }

    /// Returns the highest use in MiB.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap_or_default()
    }
}
