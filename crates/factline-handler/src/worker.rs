//! The worker: one thread, one member of the group, one transaction at a time over all its
//! partitions.
//!
//! Its loop is the guarantee, and fits on one screen: [`Worker::turn`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, Point, mutated, pause_at};
use rdkafka::consumer::Consumer as _;
#[cfg(feature = "failpoints")]
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::Fenced;
use crate::assignment::Assignment;
use crate::decide::batch::Batch;
use crate::decide::fault::Fault;
use crate::decide::inputs::{Environment, Pending};
use crate::decide::record_factory::RecordFactory;
use crate::idle_deadlines::IdleDeadlines;
use crate::log_events;
use crate::readiness::{Problem, Readiness};
use crate::recovery::committed_state::CommittedState;
use crate::recovery::log_reader::is_transient;
use crate::state::waiting::Waiting;
use crate::transaction::{Failure, Transactions};
use crate::worker_metrics::{WorkerMetrics, publish_lag};
use factline::error_chain;
use factline_kafka::client::ffi::membership;
use factline_kafka::consumer::host::{ConsumerHost, Polled, Replace};
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// Maximum size in bytes of the commands that are gathered for one transaction; their number is
/// limited too.
const GATHERED_BYTES: usize = 16 << 20;

/// A flush that takes this long has usually met the end of the previous transaction: librdkafka
/// retries after 20 ms.
const FLUSH_WAITED: Duration = Duration::from_millis(19);

/// Time for which batches are written without snapshots after a batch with snapshots has failed:
/// the snapshots may be the cause.
const SNAPSHOTS_AGAIN: Duration = Duration::from_mins(1);

/// Number of failed tries of a batch after which readiness reports the problem.
const TROUBLE: u32 = 5;

/// Number of failed tries, about half a minute, after which a worker that is no member of its group
/// restarts.
const NO_MEMBER: u32 = 20;

/// Interval at which a worker that has gathered enough serves rebalances while it waits. Each check
/// may add a record. A worker that has gathered twice as much checks once.
const REBALANCE_CHECK: Duration = Duration::from_millis(20);

/// Interval between two reports of a recovery's progress.
const PROGRESS: Duration = Duration::from_secs(1);

pub(crate) struct Worker<'l, A: Aggregate> {
    pub(crate) host: &'l mut ConsumerHost<CommittedState<A>>,
    pub(crate) assignment: Assignment<A>,
    pub(crate) readiness: Readiness,
    transactions: Transactions,
    pub(crate) factory: Arc<RecordFactory>,
    runtime: tokio::runtime::Handle,
    /// Maximum number of commands in a transaction.
    max_batch: usize,
    memory: &'l mut WorkerMemory,
    /// Set if the group has given this member another id since the assignment.
    renamed: bool,
    /// Time of the last report of a recovery's progress.
    pub(crate) progress_reported: Option<Instant>,
    /// Number of failed tries of the present batch.
    failures: u32,
    /// Time at which a failed batch is retried.
    retry_at: Option<Instant>,
    idle: IdleDeadlines,
    /// Number of releases of partitions at the last turn.
    releases: u64,
    meters: WorkerMetrics,
    /// The partitions whose deadlines, up to a time each, are to be decided in this turn.
    due: HashMap<i32, Timestamp>,
    /// Set after a batch with snapshots has failed.
    no_snapshots_before: Option<Instant>,
    /// The group's metadata of the first transaction, for the mutant that keeps it.
    #[cfg(feature = "failpoints")]
    stale: Option<ConsumerGroupMetadata>,
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
        Self {
            host,
            assignment: Assignment::empty(),
            readiness,
            transactions,
            factory,
            runtime: tokio::runtime::Handle::current(),
            max_batch,
            memory,
            renamed: false,
            progress_reported: None,
            failures: 0,
            retry_at: None,
            idle,
            releases: 0,
            meters: WorkerMetrics::new(),
            due: HashMap::new(),
            no_snapshots_before: None,
            #[cfg(feature = "failpoints")]
            stale: None,
        }
    }

    /// Runs one turn of the loop: poll, decide, commit, adopt.
    pub(crate) fn turn(&mut self) -> Result<(), WorkerExit> {
        self.gather()?; // rebalances are served here and nowhere else
        self.start_partitions()?;
        self.watch()?;
        // Deadlines in idle partitions.
        self.due = self
            .idle
            .due_partitions(&self.assignment, self.host.consumer());
        let start = Instant::now();
        let mut batch = self.decide(None);
        self.add_snapshots(&mut batch);
        if let Some(waiting) = batch.waiting.take() {
            self.wait(&waiting);
        }
        if batch.is_empty() {
            return Ok(());
        }
        pause_at(Point::Decided);
        if mutated(Mutant::AdoptBeforeCommit) {
            batch.adopt_states(&mut self.assignment.partitions);
        }
        match self.commit(&batch) {
            Ok(()) => self.adopt(batch, start), // committed: adopt the new state
            Err(failure) => self.handle_failure(failure, &batch)?,
        }
        if self.transactions.is_retired() {
            Err(WorkerExit::Retired)
        } else {
            Ok(())
        }
    }

    /// Publishes metrics, and checks that commands which exist are fetched.
    fn watch(&mut self) -> Result<(), WorkerExit> {
        let topic = self.factory.topics.commands();
        let recoveries = self.host.progress().recoveries();
        self.meters
            .publish(&self.assignment, (&self.factory, recoveries));
        if let Some(statistics) = self.host.take_statistics() {
            publish_lag(&self.assignment, topic, &statistics);
        }
        let releases = self.assignment.releases;
        if std::mem::replace(&mut self.releases, releases) != releases {
            self.host.reset_stalled();
        }
        let assignment = &self.assignment;
        Ok(self.host.check_stalled(|| assignment.followed(topic))?)
    }

    /// Returns whether a recovery's progress is to be reported, at most once a second.
    pub(crate) fn progress_is_due(&mut self) -> bool {
        let due = |last: Instant| last.elapsed() > PROGRESS;
        let is_due = self.progress_reported.is_none_or(due);
        if is_due {
            self.progress_reported = Some(Instant::now());
        }
        is_due
    }

    /// Decides the pending commands and due deadlines. `fault` is a known fault of the first.
    fn decide(&self, fault: Option<Fault>) -> Batch<A> {
        let (factory, runtime) = (&self.factory, &self.runtime);
        let read = |record: &Record| decode::message_blocking(&factory.registry, runtime, record);
        let pending = Pending {
            partitions: &self.assignment.partitions,
            commands: &self.assignment.pending,
            idle: &self.due,
        };
        let limit = self.memory.limit;
        Batch::decide(&Environment::of(factory, &read), &pending, (limit, fault))
    }

    /// Halts a partition that has reached a limit. If the registry is unavailable, the batch is
    /// retried later.
    fn wait(&mut self, waiting: &Waiting) {
        let reason = error_chain(waiting);
        match *waiting {
            Waiting::Full { partition, .. } | Waiting::OverMemoryLimit { partition, .. } => {
                let topic = self.factory.topics.commands().to_owned();
                self.halt(&(topic, partition), reason);
            }
            Waiting::Registry(_) => self.retry_later(&reason),
        }
    }

    /// Adds the snapshots that are due, of states that were committed before the batch. They are
    /// optional: after a failure they are left out.
    fn add_snapshots(&mut self, batch: &mut Batch<A>) {
        if batch.is_empty()
            || self
                .no_snapshots_before
                .is_some_and(|end| Instant::now() < end)
        {
            return;
        }
        for partition in self.assignment.snapshots_due() {
            let written = self.transactions.end_of_events(partition);
            self.assignment.begin_snapshots(partition, written);
        }
        batch.add_snapshots(&self.factory, &self.assignment.partitions);
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
        let flushing = Instant::now();
        if !mutated(Mutant::NoFlush) {
            self.transactions.flush()?;
        }
        pause_at(Point::Flushed);
        if flushing.elapsed() >= FLUSH_WAITED {
            metrics::counter!("factline_transaction_flush_waits_total", "aggregate" => self.factory.contract.aggregate)
                .increment(1);
        }
        self.record_step("flush", flushing);
        let offering = Instant::now();
        // Read the metadata now: metadata of an older generation would be refused, and empty
        // metadata would not be checked at all.
        let not_member = || Failure::Abort {
            what: "the worker is no member of its group",
            source: KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId),
        };
        let consumer = self.host.consumer();
        let before = membership(consumer).ok_or_else(not_member)?;
        let group = consumer.group_metadata().ok_or_else(not_member)?;
        if membership(consumer).as_ref() != Some(&before) {
            return Err(not_member());
        }
        self.renamed = !self.is_member(&before);
        if self.renamed {
            return Err(not_member());
        }
        let offsets = batch.offsets(self.factory.topics.commands());
        #[cfg(feature = "failpoints")]
        let group = if mutated(Mutant::StaleMetadata) {
            &*self.stale.get_or_insert(group)
        } else {
            &group
        };
        #[cfg(not(feature = "failpoints"))]
        let group = &group;
        self.transactions.send_offsets(&offsets, group)?;
        self.record_step("offsets", offering);
        pause_at(Point::Offered);
        let committing = Instant::now();
        self.transactions.commit()?;
        self.record_step("commit", committing);
        pause_at(Point::Committed);
        Ok(())
    }

    fn record_step(&self, step: &'static str, since: Instant) {
        metrics::histogram!("factline_transaction_step_seconds", "aggregate" => self.factory.contract.aggregate, "step" => step)
            .record(since.elapsed());
    }

    fn adopt(&mut self, batch: Batch<A>, start: Instant) {
        let aggregate = self.factory.contract.aggregate;
        metrics::histogram!("factline_transaction_seconds", "aggregate" => aggregate)
            .record(start.elapsed());
        metrics::histogram!("factline_transaction_commands", "aggregate" => aggregate)
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        let assignment = &mut self.assignment;
        batch.adopt(
            &self.factory,
            &mut assignment.partitions,
            &mut assignment.pending,
        );
        self.memory.limit = (self.memory.limit * 2).min(self.max_batch);
        if self.failures >= TROUBLE {
            self.readiness.set(Problem::Batches, None);
        }
        self.failures = 0;
    }

    /// Handles a failed transaction. Either nothing of the batch is visible, or the outcome is
    /// unknown and the worker must end.
    fn handle_failure(&mut self, failure: Failure, batch: &Batch<A>) -> Result<(), WorkerExit> {
        // Only then is the batch known to be the first pending command: a larger one may have
        // skipped others.
        let alone = self.memory.limit == 1;
        if batch.has_snapshots() {
            self.no_snapshots_before = Some(Instant::now() + SNAPSHOTS_AGAIN);
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
                if self.failures >= NO_MEMBER && membership(self.host.consumer()).is_none() {
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
        let batch = self.decide(Some(Fault::TooLarge));
        match self.commit(&batch) {
            Ok(()) => self.adopt(batch, start),
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
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(
            topic = self.factory.topics.commands(),
            reason,
            event = log_events::BATCH_RETRIED,
            tries = self.failures,
            "transaction aborted; retrying batch"
        );
        metrics::counter!("factline_transactions_aborted_total", "aggregate" => self.factory.contract.aggregate).increment(1);
        if self.failures >= TROUBLE {
            let reason = Some(reason.to_owned());
            self.readiness.set(Problem::Batches, reason);
        }
        let pause = Duration::from_millis(10) * 2_u32.saturating_pow(self.failures.min(10));
        self.retry_at = Some(Instant::now() + pause.min(Duration::from_secs(2)));
    }

    /// Polls until there is a record and no further one is available, or until enough is gathered.
    /// In any case it polls until a failed batch may be retried. One poll serves one event of
    /// librdkafka, which may be a line of its log. So the pause is spent polling: otherwise such
    /// events would delay the rebalance that ends the failure.
    fn gather(&mut self) -> Result<(), WorkerExit> {
        let pending = &self.assignment.pending;
        let mut count = pending.len();
        let mut bytes: usize = pending.iter().map(Record::size).sum();
        let idle = self.assignment.until_next_look(chrono::Utc::now());
        let mut wait = match count {
            0 if self.idle.is_waiting() => Duration::from_millis(5),
            0 => idle,
            _ => Duration::ZERO,
        };
        let retry_at = self.retry_at.take();
        let most = self.max_batch;
        let is_enough = |count, bytes| count >= most || bytes >= GATHERED_BYTES;
        loop {
            let pause = retry_at.map_or(Duration::ZERO, |retry_at| {
                retry_at.saturating_duration_since(Instant::now())
            });
            if is_enough(count / 2, bytes / 2) {
                self.host.sleep(pause);
            } else if is_enough(count, bytes) {
                self.host.sleep(pause.min(REBALANCE_CHECK));
            }
            let polled = self.host.poll(wait.max(pause));
            self.take_changes()?;
            match polled? {
                Polled::Record(record) => {
                    if self.assignment.is_next(&record) {
                        bytes += record.size();
                        self.assignment.pending.push(record);
                    }
                    count = self.assignment.pending.len();
                }
                Polled::Unavailable(error) if is_transient(&error) => {}
                Polled::Unavailable(error) => {
                    tracing::warn!(%error, "kafka consumer reports an error");
                }
                // A rebalance was served.
                Polled::Nothing if !pause.is_zero() => {}
                Polled::Nothing => break,
            }
            if pause.is_zero() && is_enough(count, bytes) {
                break;
            }
            wait = Duration::ZERO;
        }
        if self.renamed {
            Err(WorkerExit::Renamed)
        } else {
            Ok(())
        }
    }
}
