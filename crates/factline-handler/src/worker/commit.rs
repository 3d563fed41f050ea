//! The commit of a batch, in one transaction with the offsets of its commands.
//!
//! A worker commits either itself, or in a thread while it decides the next batch. In both cases no
//! rebalance is served until the transaction has ended, and there is one transaction at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use factline_failpoints::{Mutant, Point, mutated, pause_at};
use factline_kafka::client::ffi::{Membership, membership};
use factline_kafka::consumer::group::GroupListener;
use factline_kafka::topics::capacity;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::decide::encode::Outgoing;
use crate::state::memory::MemoryBudget;
use crate::transaction::{Failure, Transactions};
use crate::worker_metrics::Steps;

/// Everything that a commit needs of its worker.
pub(super) struct Committer {
    pub(super) transactions: Transactions,
    aggregate: &'static str,
    memory: Arc<MemoryBudget>,
    /// Set if the group has given the worker another id since the assignment.
    renamed: AtomicBool,
    /// The group's metadata of the first transaction, for the mutant that keeps it.
    #[cfg(feature = "failpoints")]
    stale: std::sync::OnceLock<Arc<ConsumerGroupMetadata>>,
}

/// Contents of one transaction.
pub(super) struct Commit {
    pub(super) records: Vec<Outgoing>,
    /// The offset of the next command of each partition that the batch writes for.
    pub(super) offsets: TopicPartitionList,
    /// The member of the group that has the partitions.
    pub(super) consumer: Arc<BaseConsumer<GroupListener>>,
    /// The member id with which the partitions were assigned.
    pub(super) member: Option<String>,
}

impl Committer {
    pub(super) fn new(
        transactions: Transactions,
        aggregate: &'static str,
        memory: &Arc<MemoryBudget>,
    ) -> Self {
        Self {
            transactions,
            aggregate,
            memory: Arc::clone(memory),
            renamed: AtomicBool::new(false),
            #[cfg(feature = "failpoints")]
            stale: std::sync::OnceLock::new(),
        }
    }

    /// Returns whether the group has given the worker another id since the assignment.
    pub(super) fn is_renamed(&self) -> bool {
        self.renamed.load(Ordering::Acquire)
    }

    /// Commits in a thread; none if the operating system cannot start one.
    pub(super) fn begin(
        self: &Arc<Self>,
        commit: &Arc<Commit>,
    ) -> Option<JoinHandle<Result<Duration, Failure>>> {
        let (this, commit) = (Arc::clone(self), Arc::clone(commit));
        let thread = thread::Builder::new().name(format!("commit-{}", self.aggregate));
        thread.spawn(move || this.commit(&commit)).ok()
    }

    /// Commits in one transaction. After a crash between any two lines nothing is visible: the next
    /// owner of the partitions finds the old offsets and decides the same commands again. Returns
    /// the time that it took.
    pub(super) fn commit(&self, commit: &Commit) -> Result<Duration, Failure> {
        let begun = Instant::now();
        self.transactions.begin()?;
        for record in &commit.records {
            self.transactions.send(record)?;
        }
        pause_at(Point::Sent);
        // Everything that a successor must see is in the log before the offsets are sent, because
        // only there does Kafka check the generation.
        let mut steps = Steps::begin(self.aggregate);
        if !mutated(Mutant::NoFlush) {
            self.transactions.flush()?;
        }
        pause_at(Point::Flushed);
        steps.flushed();
        if self.memory.refuses_aggregates() {
            capacity::mark(&commit.offsets);
        }
        let group = self.group(commit)?;
        self.transactions.send_offsets(&commit.offsets, &group)?;
        steps.offered();
        pause_at(Point::Offered);
        self.transactions.commit()?;
        steps.committed();
        pause_at(Point::Committed);
        Ok(begun.elapsed())
    }

    /// Reads the group's metadata for the offsets of one transaction. It is read now: metadata of
    /// an older generation would be refused, and empty metadata would not be checked at all.
    fn group(&self, commit: &Commit) -> Result<Arc<ConsumerGroupMetadata>, Failure> {
        let not_member = || Failure::Abort {
            what: "the worker is no member of its group",
            source: KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId),
        };
        let before = membership(&commit.consumer).ok_or_else(not_member)?;
        let group = commit.consumer.group_metadata().ok_or_else(not_member)?;
        if membership(&commit.consumer).as_ref() != Some(&before) {
            return Err(not_member());
        }
        let is_member = is_member(commit.member.as_deref(), &before);
        self.renamed.store(!is_member, Ordering::Release);
        if !is_member {
            return Err(not_member());
        }
        let group = Arc::new(group);
        #[cfg(feature = "failpoints")]
        if mutated(Mutant::StaleMetadata) {
            return Ok(Arc::clone(self.stale.get_or_init(|| group)));
        }
        Ok(group)
    }
}

/// Returns whether the partitions were assigned to this member id. A static member that the group
/// has removed joins again under a new id without a revocation of its old partitions. So its state
/// may be outdated.
fn is_member(assigned: Option<&str>, membership: &Membership) -> bool {
    assigned == Some(membership.member.as_str()) || mutated(Mutant::AnyMember)
}
