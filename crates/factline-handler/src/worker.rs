//! The worker: one thread, one member of the group, one transaction at a time over all its
//! partitions.
//!
//! Its loop is the guarantee, and fits on one screen: [`Worker::turn`] and the step below it,
//! [`Worker::adopt`]. The other step is [`Committer::commit`]. `gather` polls, `rebalance` releases
//! and takes partitions, `decide` decides. Retries, metrics and readiness are not part of the
//! guarantee: see `retries`, `worker_metrics` and `readiness`.
//!
//! With a backlog, a thread commits a batch while the worker decides the next one on its changes.
//! The next one is sent only after that commit, and is dropped if the commit fails. So Kafka sees
//! one transaction after the other, as without a backlog.

mod commit;
mod gather;
mod holds;
mod retries;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, Point, mutated, pause_at};
use rdkafka::error::KafkaError;

use self::commit::{Commit, Committer};
use self::gather::BATCHES;
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

pub(crate) struct Worker<'l, A: Aggregate> {
    pub(crate) host: &'l mut ConsumerHost<CommittedState<A>>,
    pub(crate) assignment: Assignment<A>,
    pub(crate) readiness: Readiness,
    pub(crate) progress_reports: ProgressReports,
    committer: Arc<Committer>,
    pub(crate) factory: Arc<RecordFactory>,
    pub(crate) holds: Holds,
    /// Maximum number of commands in a transaction.
    max_batch: usize,
    memory: &'l mut WorkerMemory,
    retries: Retries,
    idle: IdleDeadlines,
    metrics: WorkerMetrics,
    stuck: StuckPartitions,
    /// Its part of the memory for what is in flight.
    _in_flight: MemoryUser,
    /// The partitions whose deadlines, up to a time each, are to be decided in this turn.
    due: HashMap<i32, Timestamp>,
}

/// Time after which a turn begins no further batch: rebalances wait until its end.
const AHEAD: Duration = Duration::from_secs(1);

/// A batch that a thread is committing.
struct Committing<A: Aggregate> {
    batch: Batch<A>,
    /// Time that its decision took.
    took: Duration,
    thread: JoinHandle<Result<Duration, Failure>>,
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
        let memory_budget = host.progress().memory();
        let in_flight = MemoryUser::of(memory_budget);
        let aggregate = factory.contract.aggregate;
        let committer = Committer::new(transactions, aggregate, memory_budget);
        Self {
            _in_flight: in_flight,
            host,
            assignment: Assignment::empty(),
            readiness,
            progress_reports: ProgressReports::default(),
            committer: Arc::new(committer),
            metrics: WorkerMetrics::new(aggregate),
            holds: Holds::new(&factory),
            factory,
            max_batch,
            memory,
            retries: Retries::new(),
            idle,
            stuck: StuckPartitions::default(),
            due: HashMap::new(),
        }
    }

    /// Runs one turn of the loop: poll, then decide, commit and adopt each batch of what was
    /// polled.
    pub(crate) fn turn(&mut self) -> Result<(), WorkerExit> {
        self.gather()?; // rebalances are served here and nowhere else
        self.start_partitions()?;
        self.watch()?;
        let consumer = self.host.consumer();
        self.due = self.idle.due_partitions(&self.assignment, consumer);
        let (begun, mut count) = (Instant::now(), 0);
        let mut left = self.assignment.pending.len();
        let mut before: Option<Committing<A>> = None;
        loop {
            let (start, limit) = (Instant::now(), self.memory.limit);
            let decided = self.decide_pending(before.as_ref().map(|before| &before.batch));
            let took = start.elapsed();
            if let Some(Committing {
                batch,
                took,
                thread,
            }) = before.take()
            {
                let committed = thread.join().unwrap_or_else(|_| Err(Failure::panicked()));
                // What was decided on a batch that is not committed is dropped.
                if !self.end(batch, took, committed)? {
                    break;
                }
            }
            let mut batch = decided?;
            count += batch.len();
            left = left.saturating_sub(batch.len());
            if batch.is_empty() || self.committer.transactions.is_retired() {
                break;
            }
            pause_at(Point::Decided);
            if mutated(Mutant::AdoptBeforeCommit) {
                batch
                    .adopt_states(&mut self.assignment.partitions)
                    .map_err(ReadError::from)?;
            }
            let commit = Arc::new(self.commit_of(&mut batch));
            // The records of a command that is decided alone may be too large. Then it must be the
            // first one that is pending.
            let decides_ahead =
                batch.len() >= limit && left > 0 && limit > 1 && self.may_decide_ahead(begun);
            let thread = if decides_ahead {
                self.committer.begin(&commit)
            } else {
                None
            };
            if let Some(thread) = thread {
                before = Some(Committing {
                    batch,
                    took,
                    thread,
                });
            } else {
                let committed = self.committer.commit(&commit);
                self.end(batch, took, committed)?;
                break;
            }
        }
        self.relieve(count)?;
        if self.committer.transactions.is_retired() {
            Err(WorkerExit::Retired)
        } else {
            Ok(())
        }
    }

    /// Returns whether the next batch may be decided while one is being committed, in a turn that
    /// began at this time.
    fn may_decide_ahead(&self, begun: Instant) -> bool {
        begun.elapsed() < AHEAD && !self.retries.is_planned() && !self.shared_memory().is_short()
    }

    /// Returns what the transaction of a batch commits.
    fn commit_of(&self, batch: &mut Batch<A>) -> Commit {
        Commit {
            records: std::mem::take(&mut batch.records),
            offsets: batch.offsets(self.factory.topics.commands()),
            consumer: self.host.shared_consumer(),
            member: self.assignment.member.clone(),
        }
    }

    /// Ends a batch whose transaction has ended, and returns whether it was committed.
    fn end(
        &mut self,
        batch: Batch<A>,
        took: Duration,
        committed: Result<Duration, Failure>,
    ) -> Result<bool, WorkerExit> {
        match committed {
            Ok(commit) => self.adopt(batch, took + commit)?, // only now does the state change
            Err(failure) => {
                self.handle_failure(failure, &batch)?;
                return Ok(mutated(Mutant::KeepNext));
            }
        }
        Ok(true)
    }

    /// Adopts a batch that is committed. Its decision and its commit took this long.
    fn adopt(&mut self, batch: Batch<A>, took: Duration) -> Result<(), WorkerExit> {
        self.metrics.committed(took, batch.len());
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

    /// Decides what is pending, on the batch that is being committed if there is one. Otherwise
    /// adds the snapshots that are due.
    fn decide_pending(&mut self, before: Option<&Batch<A>>) -> Result<Batch<A>, WorkerExit> {
        let topic = self.factory.topics.commands();
        self.holds
            .check(topic, self.host.consumer(), &mut self.readiness);
        let mut batch = self.decide(Budget::of(self.memory.limit), before);
        if before.is_none() {
            self.add_snapshots(&mut batch);
        }
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
    fn decide(&self, budget: Budget, before: Option<&Batch<A>>) -> Batch<A> {
        let factory = &self.factory;
        let read = |record: &Record| decode::cached_message(&factory.registry, record);
        let pending = Pending {
            partitions: &self.assignment.partitions,
            before: before.map(Batch::changes),
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
            let written = self.committer.transactions.end_of_events(partition);
            self.assignment.begin_snapshots(partition, written);
        }
        let most = self.shared_memory().gathered_bytes();
        // The other batches of this turn have none.
        let batches = self.assignment.pending.len().div_ceil(self.memory.limit);
        let batches = batches.clamp(1, BATCHES);
        let partitions = &self.assignment.partitions;
        batch.add_snapshots(&self.factory, partitions, batches, most);
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
                self.committer.transactions.abort()?;
                self.fail_too_large()
            }
            failure => {
                self.committer.transactions.abort()?;
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
        let budget = Budget::with_fault(self.memory.limit, Fault::TooLarge);
        let mut batch = self.decide(budget, None);
        let took = start.elapsed();
        let commit = self.commit_of(&mut batch);
        match self.committer.commit(&commit) {
            Ok(commit) => self.adopt(batch, took + commit)?,
            Err(failure @ Failure::Unknown { .. }) => return Err(failure.into()),
            Err(failure) => {
                self.committer.transactions.abort()?;
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
