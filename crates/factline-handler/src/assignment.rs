//! What a worker owns at this moment: partitions with their state, those whose state is being read, and those that are
//! stopped. How it comes to be theirs is in `ownership`.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};

use crate::recovery::loader::TakeOver;
use crate::state::partition::Partition;
use factline_kafka::consumer::connectivity::Brokers;
use factline_kafka::consumer::group::{EXPECTING, IDLE, Key};
use factline_kafka::records::record::Record;

/// What is owned at this moment.
#[derive(Debug)]
pub(crate) struct Owned<A> {
    pub(crate) partitions: HashMap<i32, Partition<A>>,
    /// Records fetched and not yet handled, in order within each partition.
    pub(crate) pending: Vec<Record>,
    /// Partitions that are assigned and not consumed, until somebody mends what is said here.
    pub(crate) blocked: HashMap<i32, String>,
    /// Whether the group has said what is ours.
    pub(crate) joined: bool,
    /// The member id with which the partitions came.
    pub(crate) member: Option<String>,
    /// How often partitions were given up.
    pub(crate) given_up: u64,
    /// The generation in which the last of them came.
    pub(crate) generation: i32,
    /// Since when the group is in another, while partitions are to be taken over.
    pub(crate) unsettled: Option<Instant>,
    /// Why nothing gets done at present, though partitions are owned.
    pub(crate) trouble: Option<String>,
    pub(crate) brokers: Brokers,
    /// Why this consumer is of no more use.
    pub(crate) broken: Option<String>,
    /// Partitions whose state is being read.
    pub(crate) takeovers: Vec<TakeOver<A>>,
}

impl<A: Aggregate> Owned<A> {
    pub(crate) fn nothing() -> Self {
        Self {
            partitions: HashMap::new(),
            pending: Vec::new(),
            blocked: HashMap::new(),
            joined: false,
            member: None,
            given_up: 0,
            generation: -1,
            unsettled: None,
            trouble: None,
            brokers: Brokers::default(),
            broken: None,
            takeovers: Vec::new(),
        }
    }

    /// Returns the maximum time that a worker without a command may wait for one: until the first deadline is due.
    pub(crate) fn until_next_look(&self, now: Timestamp) -> Duration {
        if !self.takeovers.is_empty() {
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

    /// Whether a record is one that is yet to be handled: of a partition that is neither stopped nor being restored.
    pub(crate) fn is_next(&self, record: &Record) -> bool {
        let state = self.partitions.get(&record.partition);
        state.is_some_and(|state| record.offset >= state.next())
    }

    /// Every partition that is handled: from which command on, or none while some are at hand.
    pub(crate) fn followed(&self, topic: &str) -> Vec<(Key, Option<i64>)> {
        let pending: BTreeSet<i32> = self.pending.iter().map(|record| record.partition).collect();
        let followed = self.partitions.iter().map(|(partition, state)| {
            let next = (!pending.contains(partition)).then(|| state.next());
            ((topic.to_owned(), *partition), next)
        });
        followed.collect()
    }

    /// Whether a record below an offset was fetched and is yet to be handled.
    pub(crate) fn is_pending(&self, partition: i32, below: i64) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|record| record.partition == partition && record.offset < below)
    }

    /// Partitions whose changed aggregates should be written down.
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

    /// Every partition that was assigned, in whatever state it is.
    pub(crate) fn all(&self) -> Vec<i32> {
        let restoring = self.takeovers.iter().flat_map(TakeOver::partitions);
        let all = self.partitions.keys().chain(self.blocked.keys());
        let all = all.chain(restoring);
        let all: BTreeSet<i32> = all.copied().collect();
        all.into_iter().collect()
    }

    /// Drops partitions, with all that was fetched of them.
    pub(crate) fn give_up(&mut self, partitions: &[i32]) {
        self.given_up += 1;
        for partition in partitions {
            self.partitions.remove(partition);
            self.blocked.remove(partition);
        }
        for takeover in &mut self.takeovers {
            takeover.give_up(partitions);
        }
        self.pending
            .retain(|record| !partitions.contains(&record.partition));
    }

    pub(crate) fn block(&mut self, topic: &str, partition: i32, reason: String) {
        tracing::error!(
            topic,
            partition,
            reason,
            "partition is stopped until this is mended; others go on"
        );
        self.blocked.insert(partition, reason);
    }

    /// Whether everything is as it should be, or all that is not.
    pub(crate) fn state(&self, topic: &str) -> Result<(), String> {
        let blocked = self.blocked.iter();
        let blocked =
            blocked.map(|(partition, reason)| format!("{topic}/{partition} is stopped: {reason}"));
        let mut reasons: Vec<String> = blocked.collect();
        reasons.extend(self.takeovers.iter().filter_map(TakeOver::progress));
        reasons.extend(self.trouble.clone());
        match (self.joined, reasons.is_empty()) {
            (false, true) => Err("waiting for an assignment of partitions".to_owned()),
            (true, true) => Ok(()),
            (_, false) => Err(reasons.join("; ")),
        }
    }
}
