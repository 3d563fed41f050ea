//! The memory of a process that states may take, shared by all its partitions.
//!
//! The budget is half of the memory that the process may use. States leave memory for the disk
//! before the budget is reached. What cannot leave is small for each aggregate: the time of its
//! deadline. New aggregates are refused when that fills the budget.
//!
//! The other half is for what is in flight and for the allocator. All workers share it, so each of
//! them gathers fewer commands the more workers there are. What is in flight is not counted in the
//! budget: it is limited beforehand, and it passes, so that no command is refused because of it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Percentage of the budget from which states move to the disk.
const MOVE_AT: u64 = 70;
/// Percentage of the budget from which new aggregates are refused.
const REFUSE_AT: u64 = 80;

/// Number of states or ids that move to the disk at once.
pub(crate) const MOVED: usize = 256;

/// Memory limit of a process whose limit cannot be found.
const UNKNOWN_LIMIT: u64 = 1 << 30;

/// Number of parts of the process's memory of which all workers together may gather one. The
/// transactions of what is gathered take about eight times as much: the commands, the states that
/// follow, and twice, because the producer copies them, the records and the snapshots. A worker
/// that waits gathers twice as much.
const GATHERED_PARTS: u64 = 64;

/// Bounds of the size of the commands that a worker gathers for the transactions of one turn.
const GATHERED: RangeInclusive<u64> = (64 << 10)..=(16 << 20);

/// A number of bytes, and how many of them are used.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes: u64,
    used: AtomicU64,
    workers: AtomicU64,
}

impl MemoryBudget {
    /// Returns the budget of a process with this memory limit in bytes. Without one it is the limit
    /// of the container, or the memory of the machine.
    pub(crate) fn of_process(limit: Option<u64>) -> Self {
        let limit = limit.or_else(limit_of_system).unwrap_or(UNKNOWN_LIMIT);
        Self::of(limit / 2)
    }

    pub(crate) fn of(bytes: u64) -> Self {
        Self {
            bytes,
            used: AtomicU64::new(0),
            workers: AtomicU64::new(0),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether states should move to the disk.
    pub(crate) fn is_short(&self) -> bool {
        self.is_above(MOVE_AT)
    }

    /// Returns whether new aggregates are refused.
    pub(crate) fn refuses_aggregates(&self) -> bool {
        self.is_above(REFUSE_AT)
    }

    /// Returns the maximum size in bytes of the commands that a worker gathers for one transaction,
    /// and of the snapshots that it adds.
    pub(crate) fn gathered_bytes(&self) -> usize {
        let workers = self.workers.load(Ordering::Relaxed).max(1);
        let bytes = self.bytes.saturating_mul(2) / GATHERED_PARTS / workers;
        let bytes = bytes.clamp(*GATHERED.start(), *GATHERED.end());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn is_above(&self, percent: u64) -> bool {
        self.used.load(Ordering::Relaxed) >= self.bytes / 100 * percent
    }
}

/// The part of a budget that one partition uses.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl Share {
    pub(crate) fn of(budget: &Arc<MemoryBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Sets the number of bytes that the partition uses.
    pub(crate) fn set(&mut self, bytes: u64) {
        let used = &self.budget.used;
        used.fetch_add(bytes, Ordering::Relaxed);
        used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A worker that shares the memory of the process with the others.
#[derive(Debug)]
pub(crate) struct MemoryUser(Arc<MemoryBudget>);

impl MemoryUser {
    pub(crate) fn of(budget: &Arc<MemoryBudget>) -> Self {
        budget.workers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(budget))
    }
}

impl Drop for MemoryUser {
    fn drop(&mut self) {
        self.0.workers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the smallest limit that Linux sets for this process: that of its control group, in both
/// versions of the interface, or the memory of the machine.
fn limit_of_system() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = groups.lines().filter_map(limit_file).flatten();
    let own = of_groups.filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    own.chain(total_memory(&machine)).min()
}

/// Returns the files that may hold the memory limit of a control group, from its line in
/// `/proc/self/cgroup`. In a container the group's own folder is the root.
fn limit_file(group: &str) -> Option<[String; 2]> {
    let mut parts = group.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let own = Path::new(root)
        .join(path.trim_start_matches('/'))
        .join(file);
    Some([own.display().to_string(), format!("{root}/{file}")])
}

/// Returns the bytes of memory that `/proc/meminfo` names.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_a_budget() {
        let budget = Arc::new(MemoryBudget::of(1000));
        let (mut one, mut other) = (Share::of(&budget), Share::of(&budget));
        one.set(500);
        assert!(!budget.is_short());
        other.set(200);
        assert!(budget.is_short() && !budget.refuses_aggregates());
        one.set(600);
        assert!(budget.refuses_aggregates());
        drop(other);
        assert!(!budget.is_short());
    }

    #[test]
    fn workers_share_what_is_in_flight() {
        let budget = Arc::new(MemoryBudget::of(512 << 20));
        let first = MemoryUser::of(&budget);
        assert_eq!(budget.gathered_bytes(), 16 << 20);
        let others: Vec<_> = (0..7).map(|_| MemoryUser::of(&budget)).collect();
        assert_eq!(budget.gathered_bytes(), 2 << 20);
        drop((first, others));
        assert_eq!(budget.gathered_bytes(), 16 << 20);
        assert_eq!(MemoryBudget::of(u64::MAX).gathered_bytes(), 16 << 20);
        assert_eq!(MemoryBudget::of(1).gathered_bytes(), 64 << 10);
    }

    #[test]
    fn limits_are_found_in_both_interfaces() {
        assert_eq!(
            limit_file("0::/a/b"),
            Some([
                "/sys/fs/cgroup/a/b/memory.max".to_owned(),
                "/sys/fs/cgroup/memory.max".to_owned()
            ])
        );
        assert_eq!(
            limit_file("4:memory:/"),
            Some([(); 2].map(|()| "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()))
        );
        assert_eq!((limit_file("1:cpu:/a"), limit_file("")), (None, None));
        let meminfo = "MemTotal:       24689764 kB\nMemFree:  1 kB\n";
        assert_eq!(total_memory(meminfo), Some(24_689_764 << 10));
        assert_eq!(total_memory("MemFree: 1 kB"), None);
        assert!(limit_of_system().is_some());
    }
}
