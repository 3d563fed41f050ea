//! Everything that is, at one moment, with the workers' names for each other's things as indices.

/// Which worker, and so which slot and producer.
pub type Who = usize;
/// Which command, or the deadline. The same number twice in the commands is the same command sent twice.
pub type Id = u8;
/// The id of the deadline.
pub const DEADLINE: Id = b'd';

/// One partition, its group, and the workers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const W: usize> {
    /// Events and outcomes. What was aborted is taken out: nobody can see it any more.
    pub log: Vec<Entry>,
    /// The group's committed offset: the next command.
    pub offset: u8,
    /// To whom the group has assigned the partition in its present generation.
    pub owner: Option<Who>,
    /// Whether the owner is asked to give it back.
    pub revoking: bool,
    /// The workers, with what Kafka knows of them.
    pub slots: [Slot; W],
}

/// A decision: event and outcome in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// What was decided.
    pub id: Id,
    /// The version that its event gives the aggregate.
    pub version: u8,
}

/// A record in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// Whose transaction it belongs to, until that one's marker is in the log.
    pub by: Option<Who>,
}

/// A worker's place: the process in it, and what the coordinators keep for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The process.
    pub worker: Worker,
    /// Whether the group counts it in.
    pub member: bool,
    /// Whether its client has heard of the group's present generation. (Generations only grow, so no number is needed.)
    pub current: bool,
    /// Whether the group knows it under another id than when the partition came to it.
    pub renamed: bool,
    /// Whether the metadata that it keeps is of the present generation; for the mutant that keeps it.
    pub kept: Option<bool>,
    /// Its transaction, until all markers are written.
    pub transaction: Option<Transaction>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// There is none.
    Down,
    /// Its producer is being made: that aborts what its predecessor of the slot left open.
    Starting,
    /// It has not got the partition.
    Idle,
    /// It reads the partition's state.
    Restoring {
        /// The committed offset, once asked for.
        start: Option<u8>,
        /// The captured end of the log.
        end: Option<usize>,
    },
    /// It handles the partition's commands.
    Ready(Memory),
}

/// What a worker believes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// The decisions that its state is the fold of.
    pub history: Vec<Id>,
    /// The decisions that it remembers, in order.
    pub known: Vec<Id>,
    /// The next command.
    pub next: u8,
}

/// A transaction, with the records that are still on their way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transaction {
    /// What it writes.
    pub records: Vec<Record>,
    /// How many of them are in the log.
    pub appended: usize,
    /// The offset that it commits, if it commits one.
    pub next: Option<u8>,
    /// Whether the offsets were sent and accepted.
    pub offered: bool,
    /// What the coordinator has decided.
    pub end: Option<End>,
}

/// What becomes of a transaction, and who has not been told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// Committed, or aborted.
    pub commit: bool,
    /// The log is still to be marked.
    pub log: bool,
    /// The group's offsets are still to be marked.
    pub offsets: bool,
}

impl Transaction {
    /// Whether it holds an offset that is neither committed nor aborted.
    pub fn is_pending(&self) -> bool {
        self.offered && self.next.is_some() && self.end.is_none_or(|end| end.offsets)
    }

    /// Whether it can still be written to.
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }
}

impl Slot {
    /// Whether its process has the partition, or thinks so.
    pub fn holds(&self) -> bool {
        matches!(self.worker, Worker::Restoring { .. } | Worker::Ready(_))
    }

    /// Whether its process polls, and so serves rebalances: it has no transaction under way.
    pub fn polls(&self) -> bool {
        let transaction = self.transaction.as_ref();
        !matches!(self.worker, Worker::Down | Worker::Starting)
            && !transaction.is_some_and(Transaction::is_open)
    }

    /// The process has ended, and maybe another comes in its place. The group has not heard of it.
    pub fn end(&mut self, is_started_again: bool) {
        self.worker = match (is_started_again, &self.transaction) {
            (false, _) => Worker::Down,
            (true, None) => Worker::Idle,
            (true, Some(_)) => Worker::Starting,
        };
        self.current = false;
        self.renamed = false;
        self.kept = None;
    }

    /// It has the partition no more.
    pub fn drop_partition(&mut self) {
        self.worker = Worker::Idle;
        self.renamed = false;
    }
}

impl<const W: usize> State<W> {
    /// Nobody is there, nothing is written.
    pub fn at_first() -> Self {
        let slot = || Slot {
            worker: Worker::Idle,
            member: false,
            current: false,
            renamed: false,
            kept: None,
            transaction: None,
        };
        Self {
            log: Vec::new(),
            offset: 0,
            owner: None,
            revoking: false,
            slots: std::array::from_fn(|_| slot()),
        }
    }

    /// The group begins another generation, of which nobody has heard.
    pub fn rebalance(&mut self) {
        for slot in &mut self.slots {
            slot.current = false;
            if slot.kept.is_some() {
                slot.kept = Some(false);
            }
        }
    }

    /// The last stable offset: the first record of a transaction that has no marker yet.
    pub fn stable(&self) -> usize {
        let open = self.log.iter().position(|entry| entry.by.is_some());
        open.unwrap_or(self.log.len())
    }

    /// The coordinator decides a transaction; where it has written nothing, no marker is needed.
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

    /// A transaction whose markers are all written is over.
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

    /// What is committed, in the order of the log; the markers may still be missing.
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

    /// The same with the workers in another order: `order[new]` is the old place.
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
