//! The worker: one thread, one member of the group, one transaction at a time over all its
//! partitions.
//!
//! Its loop is the guarantee, and fits on one screen: [`Worker::turn`] and the two steps below it,
//! [`Worker::commit`] and [`Worker::adopt`]. The other steps have files of their own: `gather`
//! polls, `rebalance` releases and takes partitions, `decide` decides. Retries, metrics and
//! readiness are not part of the guarantee: see `retries`, `worker_metrics` and `readiness`.

mod gather;
mod holds;
mod retries;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, Point, mutated, pause_at};
use rdkafka::consumer::{Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use self::holds::Holds;
use self::retries::Retries;
use crate::Fenced;
use crate::assignment::Assignment;
use crate::decide::batch::Batch;
use crate::decide::fault::Fault;
use crate::decide::inputs::{Budget, Environment, MOST_AHEAD, Pending};
use crate::decide::record_factory::RecordFactory;
use crate::idle_deadlines::IdleDeadlines;
use crate::readiness::{Problem, ProgressReports, Readiness};
use crate::recovery::committed_state::CommittedState;
use crate::state::aggregates::ReadError;
use crate::state::memory::{MemoryBudget, MemoryUser};
use crate::state::waiting::Waiting;
use crate::transaction::{Failure, Transactions};
use crate::worker_metrics::WorkerMetrics;
use factline::error_chain;
use factline_kafka::client::ffi::membership;
use factline_kafka::consumer::host::{ConsumerHost, Replace};
use factline_kafka::consumer::stuck_partitions::StuckPartitions;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::Error::NotCached;
use factline_kafka::topics::capacity;

pub(crate) struct Worker<'l, A: Aggregate> {
    pub(crate) host: &'l mut ConsumerHost<CommittedState<A>>,
    pub(crate) assignment: Assignment<A>,
    pub(crate) readiness: Readiness,
    pub(crate) progress_reports: ProgressReports,
    transactions: Transactions,
    pub(crate) factory: Arc<RecordFactory>,
    pub(crate) holds: Holds,
    /// Maximum number of commands in a transaction.
    max_batch: usize,
    memory: &'l mut WorkerMemory,
    /// Set if the group has given this member another id since the assignment.
    renamed: bool,
    retries: Retries,
    idle: IdleDeadlines,
    metrics: WorkerMetrics,
    stuck: StuckPartitions,
    /// Its part of the memory for what is in flight.
    _in_flight: MemoryUser,
    /// The partitions whose deadlines, up to a time each, are to be decided in this turn.
    due: HashMap<i32, Timestamp>,
    /// The group's metadata of the first transaction, for the mutant that keeps it.
    #[cfg(feature = "failpoints")]
    stale: Option<Rc<ConsumerGroupMetadata>>,
}

/// State kept across worker restarts.
#[derive(Debug)]
pub(crate) struct WorkerMemory {
    /// Number of commands in the next transaction. Halved when one fails. So a command whose
    /// records are too large for the broker is isolated, and a batch that cannot be written in time
    /// becomes smaller.
    pub(crate) limit: usize,
}

/// Reason why a worker ended. Its successor starts from the committed state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerExit {
    #[error(transparent)]
    Transaction(#[from] Failure),
    #[error("cannot join the consumer group")]
    Join(#[source] KafkaError),
    #[error(transparent)]
    Consumer(#[from] Replace),
    #[error("{0}")]
    Broken(String),
    /// The state may be outdated: another member may have had the partitions meanwhile.
    #[error("the group has given this member another id")]
    Renamed,
    #[error("producer was retired after a slow transactional call")]
    Retired,
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The disk fails, so the states in memory may be incomplete.
    #[error(transparent)]
    State(#[from] ReadError),
}

impl<'l, A: Aggregate> Worker<'l, A> {
    pub(crate) fn new(
        host: &'l mut ConsumerHost<CommittedState<A>>,
        readiness: Readiness,
        transactions: Transactions,
        factory: Arc<RecordFactory>,
        idle: IdleDeadlines,
        max_batch: usize,
        memory: &'l mut WorkerMemory,
    ) -> Self {
        let in_flight = MemoryUser::of(host.progress().memory());
        Self {
            _in_flight: in_flight,
            host,
            assignment: Assignment::empty(),
            readiness,
            progress_reports: ProgressReports::default(),
            transactions,
            metrics: WorkerMetrics::new(factory.contract.aggregate),
            holds: Holds::new(&factory),
            factory,
            max_batch,
            memory,
            renamed: false,
            retries: Retries::new(),
            idle,
            stuck: StuckPartitions::default(),
            due: HashMap::new(),
            #[cfg(feature = "failpoints")]
            stale: None,
        }
    }

    /// Runs one turn of the loop: poll, decide, commit, adopt.
    pub(crate) fn turn(&mut self) -> Result<(), WorkerExit> {
        self.gather()?; // rebalances are served here and nowhere else
        self.start_partitions()?;
        self.watch()?;
        let start = Instant::now();
        let mut batch = self.decide_pending()?;
        if batch.is_empty() {
            return self.relieve(0);
        }
        let count = batch.len();
        pause_at(Point::Decided);
        if mutated(Mutant::AdoptBeforeCommit) {
            batch
                .adopt_states(&mut self.assignment.partitions)
                .map_err(ReadError::from)?;
        }
        match self.commit(&batch) {
            Ok(()) => self.adopt(batch, start)?, // committed: adopt the new state
            Err(failure) => self.handle_failure(failure, &batch)?,
        }
        self.relieve(count)?;
        if self.transactions.is_retired() {
            Err(WorkerExit::Retired)
        } else {
            Ok(())
        }
    }

    /// Commits a batch in one transaction. After a crash between any two lines nothing is visible:
    /// the next owner of the partitions finds the old offsets and decides the same commands again.
    fn commit(&mut self, batch: &Batch<A>) -> Result<(), Failure> {
        self.transactions.begin()?;
        for record in &batch.records {
            self.transactions.send(record)?;
        }
        pause_at(Point::Sent);
        // Everything that a successor must see is in the log before the offsets are sent, because
        // only there does Kafka check the generation.
        let mut steps = self.metrics.steps();
        if !mutated(Mutant::NoFlush) {
            self.transactions.flush()?;
        }
        pause_at(Point::Flushed);
        steps.flushed();
        let offsets = batch.offsets(self.factory.topics.commands());
        if self.shared_memory().refuses_aggregates() {
            capacity::mark(&offsets);
        }
        let group = self.group()?;
        self.transactions.send_offsets(&offsets, &group)?;
        steps.offered();
        pause_at(Point::Offered);
        self.transactions.commit()?;
        steps.committed();
        pause_at(Point::Committed);
        Ok(())
    }

    /// Adopts a batch that is committed: only now does the state change.
    fn adopt(&mut self, batch: Batch<A>, start: Instant) -> Result<(), WorkerExit> {
        self.metrics.committed(start, batch.len());
        let assignment = &mut self.assignment;
        let adopted = batch.adopt(
            &self.factory,
            &mut assignment.partitions,
            &mut assignment.pending,
        );
        adopted.map_err(ReadError::from)?;
        self.memory.limit = (self.memory.limit * 2).min(self.max_batch);
        self.retries.succeeded(&mut self.readiness);
        Ok(())
    }

    /// Returns the memory that the workers of the process share.
    fn shared_memory(&self) -> &MemoryBudget {
        self.host.progress().memory()
    }

    /// Moves states to the disk while memory is short, after a batch that has added this many.
    fn relieve(&mut self, added: usize) -> Result<(), WorkerExit> {
        let relieved = self.assignment.relieve(added);
        Ok(relieved.map_err(ReadError::from)?)
    }

    /// Reads the group's metadata for the offsets of one transaction. It is read now: metadata of
    /// an older generation would be refused, and empty metadata would not be checked at all.
    fn group(&mut self) -> Result<Rc<ConsumerGroupMetadata>, Failure> {
        let not_member = || Failure::Abort {
            what: "the worker is no member of its group",
            source: KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId),
        };
        let consumer = self.host.consumer();
        let before = membership(consumer).ok_or_else(not_member)?;
        let group = Rc::new(consumer.group_metadata().ok_or_else(not_member)?);
        if membership(consumer).as_ref() != Some(&before) {
            return Err(not_member());
        }
        self.renamed = !self.is_member(&before);
        if self.renamed {
            return Err(not_member());
        }
        #[cfg(feature = "failpoints")]
        if mutated(Mutant::StaleMetadata) {
            return Ok(Rc::clone(self.stale.get_or_insert(group)));
        }
        Ok(group)
    }

    /// Decides everything that is pending, and adds the snapshots that are due.
    fn decide_pending(&mut self) -> Result<Batch<A>, WorkerExit> {
        let consumer = self.host.consumer();
        self.due = self.idle.due_partitions(&self.assignment, consumer);
        let topic = self.factory.topics.commands();
        self.holds
            .check(topic, self.host.consumer(), &mut self.readiness);
        let mut batch = self.decide(Budget::of(self.memory.limit));
        self.add_snapshots(&mut batch);
        for (partition, waiting) in std::mem::take(&mut batch.waiting) {
            match waiting {
                Waiting::State(error) => return Err(error.into()),
                Waiting::Registry(decode::Error::Registry(NotCached { id })) => {
                    let topic = self.factory.topics.commands();
                    self.holds.hold(topic, partition, id, self.host.consumer());
                }
                Waiting::Registry(error) => self.retry_later(&error_chain(&error)),
            }
        }
        Ok(batch)
    }

    /// Decides pending commands and due deadlines until the budget is spent.
    fn decide(&self, budget: Budget) -> Batch<A> {
        let factory = &self.factory;
        let read = |record: &Record| decode::cached_message(&factory.registry, record);
        let pending = Pending {
            partitions: &self.assignment.partitions,
            commands: &self.assignment.pending,
            idle: &self.due,
            held: &self.holds.partitions(),
        };
        let read_cancel = |record: &Record| decode::cached_cancel(&factory.registry, record);
        let environment = Environment::of(factory, &read, &read_cancel);
        Batch::decide(&environment, &pending, budget)
    }

    /// Adds the snapshots that are due, of states that were committed before the batch. They are
    /// optional: after a failure they are left out.
    fn add_snapshots(&mut self, batch: &mut Batch<A>) {
        if batch.is_empty() || !self.retries.allow_snapshots() {
            return;
        }
        for partition in self.assignment.snapshots_due() {
            let written = self.transactions.end_of_events(partition);
            self.assignment.begin_snapshots(partition, written);
        }
        let most = self.shared_memory().gathered_bytes();
        batch.add_snapshots(&self.factory, &self.assignment.partitions, most);
    }

    /// Handles a failed transaction. Either nothing of the batch is visible, or the outcome is
    /// unknown and the worker must end.
    fn handle_failure(&mut self, failure: Failure, batch: &Batch<A>) -> Result<(), WorkerExit> {
        // Only then is the batch known to be the first pending command: a larger one may have
        // skipped others.
        let alone = self.memory.limit == 1;
        if batch.has_snapshots() {
            self.retries.suspend_snapshots();
        }
        // Set it before the abort, which may fail and end the worker: its successor starts with the
        // smaller batch.
        self.memory.limit = (batch.len() / 2).max(1);
        match failure {
            failure @ Failure::Unknown { .. } => Err(failure.into()),
            Failure::TooLarge if alone => {
                self.transactions.abort()?;
                self.fail_too_large()
            }
            failure => {
                self.transactions.abort()?;
                if self.retries.are_lasting() && membership(self.host.consumer()).is_none() {
                    return Err(WorkerExit::Broken(error_chain(&failure)));
                }
                self.retry_later(&error_chain(&failure));
                Ok(())
            }
        }
    }

    /// Fails the first pending command alone, because its records are too large for the broker.
    fn fail_too_large(&mut self) -> Result<(), WorkerExit> {
        let start = Instant::now();
        let batch = self.decide(Budget::with_fault(self.memory.limit, Fault::TooLarge));
        match self.commit(&batch) {
            Ok(()) => self.adopt(batch, start)?,
            Err(failure @ Failure::Unknown { .. }) => return Err(failure.into()),
            Err(failure) => {
                self.transactions.abort()?;
                self.retry_later(&error_chain(&failure));
            }
        }
        Ok(())
    }

    /// Retries the same commands after a pause, in which rebalances are served. Nothing of the
    /// batch is visible.
    fn retry_later(&mut self, reason: &str) {
        self.metrics.aborted();
        let topic = self.factory.topics.commands();
        self.retries.failed(topic, reason, &mut self.readiness);
    }

    /// Publishes metrics, and checks that commands which exist are fetched.
    fn watch(&mut self) -> Result<(), WorkerExit> {
        let topic = self.factory.topics.commands();
        let statistics = self.host.take_statistics();
        let unreachable = self.host.brokers_down();
        self.readiness.set(Problem::Brokers, unreachable);
        if let Some(statistics) = &statistics {
            let progress = self.assignment.progress(topic, statistics);
            let stuck = self.stuck.observe(Instant::now(), progress);
            self.readiness.set(Problem::Stuck, stuck);
        }
        let published =
            self.metrics
                .publish(&self.assignment, self.host, topic, statistics.as_ref());
        if let Some(ahead) = published {
            let problem = (ahead > MOST_AHEAD).then(|| {
                let seconds = ahead.num_seconds();
                format!(
                    "commands are appended {seconds} s ahead of this process's clock: check the \
                     clocks of the brokers"
                )
            });
            self.readiness.set(Problem::Clock, problem);
            let is_full = self.shared_memory().refuses_aggregates();
            let problem =
                "memory is nearly full: commands for new aggregates are rejected (capacity)";
            let problem = is_full.then(|| problem.to_owned());
            self.readiness.set(Problem::Memory, problem);
        }
        let assignment = &self.assignment;
        Ok(self.host.check_stalled(|| assignment.followed(topic))?)
    }
}
