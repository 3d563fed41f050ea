//! The assignment of a worker: partitions with their state, partitions that are being recovered,
//! and halted partitions. `rebalance` changes it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use factline::{Aggregate, Timestamp};

use crate::state::disk::DiskError;
use crate::state::memory::MOVED;
use crate::state::partition::Partition;
use factline_kafka::consumer::group::{EXPECTING, IDLE, PartitionStatistics, TopicPartition};
use factline_kafka::consumer::stuck_partitions::Progress;
use factline_kafka::records::record::Record;

/// The partitions that are assigned to this worker at this moment.
#[derive(Debug)]
pub(crate) struct Assignment<A> {
    pub(crate) partitions: HashMap<i32, Partition<A>>,
    /// Records that are fetched and not yet handled, in order within each partition.
    pub(crate) pending: Vec<Record>,
    /// Assigned partitions that are halted until an operator intervenes.
    pub(crate) halted: BTreeSet<i32>,
    /// Assigned partitions whose state is being recovered.
    pub(crate) recovering: BTreeSet<i32>,
    /// The member id with which the partitions were assigned.
    pub(crate) member: Option<String>,
}

impl<A: Aggregate> Assignment<A> {
    pub(crate) fn empty() -> Self {
        Self {
            partitions: HashMap::new(),
            pending: Vec::new(),
            halted: BTreeSet::new(),
            recovering: BTreeSet::new(),
            member: None,
        }
    }

    /// Returns whether the worker has partitions, whether recovered or not.
    pub(crate) fn has_partitions(&self) -> bool {
        !self.partitions.is_empty() || !self.recovering.is_empty()
    }

    /// Returns the maximum time that a worker without a command may wait for one: until the first
    /// deadline is due.
    pub(crate) fn until_next_look(&self, now: Timestamp) -> Duration {
        if !self.recovering.is_empty() {
            return EXPECTING;
        }
        let due = self.partitions.values().filter_map(Partition::due).min();
        due.map_or(IDLE, |due| {
            (due - now)
                .to_std()
                .unwrap_or_default()
                .clamp(EXPECTING, IDLE)
        })
    }

    /// Returns whether a record is still to be handled. Its partition must be neither halted nor in
    /// recovery.
    pub(crate) fn is_next(&self, record: &Record) -> bool {
        let state = self.partitions.get(&record.partition);
        state.is_some_and(|state| record.offset >= state.next())
    }

    /// Returns every active partition, with the offset of its next command, or with `None` while it
    /// has pending commands.
    pub(crate) fn followed(&self, topic: &str) -> Vec<(TopicPartition, Option<i64>)> {
        let pending: BTreeSet<i32> = self.pending.iter().map(|record| record.partition).collect();
        let followed = self.partitions.iter().map(|(partition, state)| {
            let next = (!pending.contains(partition)).then(|| state.next());
            ((topic.to_owned(), *partition), next)
        });
        followed.collect()
    }

    /// Returns the progress in every active partition, given the client's statistics.
    pub(crate) fn progress(
        &self,
        topic: &str,
        statistics: &HashMap<TopicPartition, PartitionStatistics>,
    ) -> Vec<(TopicPartition, Progress)> {
        let progress = self.partitions.iter().filter_map(|(partition, state)| {
            let key = (topic.to_owned(), *partition);
            let pending = self.pending.iter();
            let pending = pending.filter(|record| record.partition == *partition);
            let progress = Progress::of(state.next(), pending.count(), *statistics.get(&key)?);
            Some((key, progress))
        });
        progress.collect()
    }

    /// Returns whether a record below an offset was fetched and is yet to be handled.
    pub(crate) fn is_pending(&self, partition: i32, below: i64) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|record| record.partition == partition && record.offset < below)
    }

    /// Returns the partitions for which a round of snapshots is due.
    pub(crate) fn snapshots_due(&self) -> Vec<i32> {
        let due = self.partitions.iter();
        let due = due.filter(|(_, state)| state.is_snapshot_due());
        due.map(|(partition, _)| *partition).collect()
    }

    pub(crate) fn begin_snapshots(&mut self, partition: i32, written: i64) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.begin_snapshots(written);
        }
    }

    /// Moves states to the disk while the process is short of memory, of each partition in turn:
    /// those of an idle partition leave, too. One call moves more than a batch has added, but not
    /// everything at once: commands wait meanwhile.
    pub(crate) fn relieve(&mut self, added: usize) -> Result<(), DiskError> {
        let mut most = 2 * added + 8 * MOVED;
        while most > 0 {
            let mut moved = 0;
            for partition in self.partitions.values_mut() {
                moved += partition.relieve(MOVED)?;
            }
            if moved == 0 {
                break;
            }
            most = most.saturating_sub(moved);
        }
        Ok(())
    }

    /// Releases partitions, and drops their fetched records.
    pub(crate) fn release(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.partitions.remove(partition);
            self.halted.remove(partition);
            self.recovering.remove(partition);
        }
        self.pending
            .retain(|record| !partitions.contains(&record.partition));
    }
}
