//! The complete state at one moment. Workers refer to each other's resources by index.

/// Index of a worker, and so of its slot and producer.
pub type Who = usize;
/// A command, or the deadline. The same number twice in the commands is the same command sent
/// twice.
pub type Id = u8;
/// The id of the deadline.
pub const DEADLINE: Id = b'd';

/// One partition, its group, and the workers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const W: usize> {
    /// Events and outcomes. Aborted records are removed, because no consumer can read them.
    pub log: Vec<Entry>,
    /// The group's committed offset: the next command.
    pub offset: u8,
    /// The worker to which the group has assigned the partition in its current generation.
    pub owner: Option<Who>,
    /// True if the owner has been asked to revoke the partition.
    pub revoking: bool,
    /// The workers, with Kafka's data about them.
    pub slots: [Slot; W],
}

/// A decision: event and outcome in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The command or deadline.
    pub id: Id,
    /// The version that its event gives the aggregate.
    pub version: u8,
}

/// A record in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// The worker whose transaction it belongs to, until that transaction's marker is in the log.
    pub by: Option<Who>,
}

/// A worker's slot: the process in it, and the coordinators' data for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The process.
    pub worker: Worker,
    /// True if it is a member of the group.
    pub member: bool,
    /// True if its client has learned of the group's current generation. (Generations only grow, so
    /// no number is needed.)
    pub current: bool,
    /// True if it has a new member id since the partition was assigned to it.
    pub renamed: bool,
    /// True if the metadata that it keeps is of the current generation; for the mutant that keeps
    /// it.
    pub kept: Option<bool>,
    /// Its transaction, until all markers are written.
    pub transaction: Option<Transaction>,
    /// The batch that it has decided on that of its transaction: the records, and the offset.
    pub ahead: Option<(Vec<Record>, u8)>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// Not running.
    Down,
    /// Its producer initializes, which aborts the open transaction of the slot's previous process.
    Starting,
    /// Running without the partition.
    Idle,
    /// Recovering the partition's state.
    Restoring {
        /// The committed offset, once fetched.
        start: Option<u8>,
        /// The captured end of the log.
        end: Option<usize>,
    },
    /// Handling the partition's commands.
    Ready(Memory),
}

/// The in-memory state of a worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// The decisions that its state is the fold of.
    pub history: Vec<Id>,
    /// The decided command ids that it remembers, in order.
    pub known: Vec<Id>,
    /// The next command.
    pub next: u8,
}

/// A transaction, with the records that are still in flight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transaction {
    /// The records that it writes.
    pub records: Vec<Record>,
    /// Number of records that are in the log.
    pub appended: usize,
    /// The offset that it commits, if it commits one.
    pub next: Option<u8>,
    /// True if the offsets were sent and accepted.
    pub offered: bool,
    /// The coordinator's decision.
    pub end: Option<End>,
}

/// The end of a transaction, and the markers that are not yet written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// True if it committed, false if it aborted.
    pub commit: bool,
    /// True if the log's marker is not yet written.
    pub log: bool,
    /// True if the offsets' marker is not yet written.
    pub offsets: bool,
}

impl Transaction {
    /// Returns true if it holds an offset that is neither committed nor aborted.
    pub fn is_pending(&self) -> bool {
        self.offered && self.next.is_some() && self.end.is_none_or(|end| end.offsets)
    }

    /// Returns true if it can still be written to.
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }
}

impl Slot {
    /// Returns true if its process has the partition, or assumes so.
    pub fn holds(&self) -> bool {
        matches!(self.worker, Worker::Restoring { .. } | Worker::Ready(_))
    }

    /// Returns true if its process polls, and so takes part in rebalances: it has no open
    /// transaction, and no batch that was decided meanwhile.
    pub fn polls(&self) -> bool {
        let transaction = self.transaction.as_ref();
        !matches!(self.worker, Worker::Down | Worker::Starting)
            && !transaction.is_some_and(Transaction::is_open)
            && self.ahead.is_none()
    }

    /// Ends the process, and possibly restarts it. The group has not noticed yet.
    pub fn end(&mut self, is_started_again: bool) {
        self.ahead = None;
        self.worker = match (is_started_again, &self.transaction) {
            (false, _) => Worker::Down,
            (true, None) => Worker::Idle,
            (true, Some(_)) => Worker::Starting,
        };
        self.current = false;
        self.renamed = false;
        self.kept = None;
    }

    /// Drops the partition.
    pub fn drop_partition(&mut self) {
        self.worker = Worker::Idle;
        self.renamed = false;
    }
}

impl<const W: usize> State<W> {
    /// Returns the initial state: no process, no record.
    pub fn at_first() -> Self {
        let slot = || Slot {
            worker: Worker::Idle,
            member: false,
            current: false,
            renamed: false,
            kept: None,
            transaction: None,
            ahead: None,
        };
        Self {
            log: Vec::new(),
            offset: 0,
            owner: None,
            revoking: false,
            slots: std::array::from_fn(|_| slot()),
        }
    }

    /// Begins a new generation of the group, of which no client has learned.
    pub fn rebalance(&mut self) {
        for slot in &mut self.slots {
            slot.current = false;
            if slot.kept.is_some() {
                slot.kept = Some(false);
            }
        }
    }

    /// Returns the last stable offset: the first record of a transaction without a marker.
    pub fn stable(&self) -> usize {
        let open = self.log.iter().position(|entry| entry.by.is_some());
        open.unwrap_or(self.log.len())
    }

    /// Records the coordinator's decision on a transaction. Where it has written nothing, no marker
    /// is needed.
    pub fn decide(&mut self, who: Who, commit: bool) {
        if let Some(transaction) = &mut self.slots[who].transaction {
            transaction.end = Some(End {
                commit,
                log: transaction.appended > 0,
                offsets: transaction.is_pending(),
            });
        }
        self.forget_ended(who);
    }

    /// Removes a transaction whose markers are all written.
    pub fn forget_ended(&mut self, who: Who) {
        let slot = &mut self.slots[who];
        let end = slot.transaction.as_ref().and_then(|known| known.end);
        if end.is_some_and(|end| !end.log && !end.offsets) {
            slot.transaction = None;
            if slot.worker == Worker::Starting {
                slot.worker = Worker::Idle;
            }
        }
    }

    /// Returns the committed records, in the order of the log; their markers may still be missing.
    pub fn committed(&self) -> impl Iterator<Item = Record> {
        let is_committed = |entry: &&Entry| {
            entry.by.is_none_or(|who| {
                let transaction = self.slots[who].transaction.as_ref();
                transaction.is_some_and(|known| known.end.is_some_and(|end| end.commit))
            })
        };
        self.log
            .iter()
            .filter(is_committed)
            .map(|entry| entry.record)
    }

    /// Returns the state with the workers in another order: `order[new]` is the old index.
    #[must_use]
    pub fn reordered(&self, order: [Who; W]) -> Self {
        let new = |old: Who| order.iter().position(|place| *place == old);
        let rename = |entry: &Entry| Entry {
            by: entry.by.and_then(new),
            ..*entry
        };
        Self {
            log: self.log.iter().map(rename).collect(),
            owner: self.owner.and_then(new),
            slots: order.map(|old| self.slots[old].clone()),
            ..*self
        }
    }
}
