//! The worker: one thread, one member of the group, one transaction at a time over all its partitions.
//!
//! Its loop is the guarantee, and fits on one screen: [`Worker::turn`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use factline_failpoints::{Mutant, Point, mutated, pause_at};
use rdkafka::TopicPartitionList;
#[cfg(feature = "failpoints")]
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::Fenced;
use crate::decide::batch::Batch;
use crate::decide::command::Fault;
use crate::decide::record_factory::Wire;
use crate::idle_deadlines::Idle;
use crate::log_events;
use crate::rebalance::Ownership;
use crate::recovery::log_reader::is_passing;
use crate::state::waiting::Waiting;
use crate::transaction::{Failure, Transactions};
use crate::worker_metrics::Meters;
use factline::error_chain;
use factline_kafka::client::ffi::membership;
use factline_kafka::consumer::group::Slot;
use factline_kafka::consumer::poll_gap::PollGap;
use factline_kafka::consumer::stalled_partitions::Arrivals;
use factline_kafka::records::record::Record;

/// Bytes of commands that are gathered for one transaction before it is begun, beside their number.
const GATHERED_BYTES: usize = 16 << 20;

/// A flush that took so long has, as a rule, met the end of the transaction before: librdkafka asks again after 20 ms.
const WAITED: Duration = Duration::from_millis(19);

/// If a batch fails that writes snapshots, the next ones go without: it may be their fault.
const SNAPSHOTS_AGAIN: Duration = Duration::from_mins(1);

/// Tries of a batch after which the worker says that it is in trouble.
const TROUBLE: u32 = 5;

/// Tries, for half a minute, after which a worker that is no member of its group does not wait any longer to become one.
const NO_MEMBER: u32 = 20;

/// How often a worker that has gathered enough looks for rebalances while it waits: each look may bring a record more. One that
/// has twice as much looks once.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct Worker<'l, A: Aggregate> {
    consumer: BaseConsumer<Ownership<A>>,
    transactions: Transactions,
    wire: Arc<Wire>,
    /// Commands in a transaction at most.
    max_batch: usize,
    kept: &'l mut Kept,
    /// Tries of the present batch that failed.
    failures: u32,
    /// When the batch is tried again, after it has failed.
    again: Option<Instant>,
    idle: Idle,
    /// How often partitions had been given up at the last turn.
    given_up: u64,
    meters: Meters,
    /// The partitions whose deadlines, up to a time each, are to be decided in this turn.
    ripe: HashMap<i32, Timestamp>,
    /// After a batch with snapshots has failed.
    no_snapshots_before: Option<Instant>,
    /// The group's metadata of the first transaction, for the mutant that keeps it.
    #[cfg(feature = "failpoints")]
    stale: Option<ConsumerGroupMetadata>,
}

/// What outlives a worker, whose end may be what it is about.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Commands in the next transaction. Halved when one fails: so a command whose records the broker finds too
    /// large is found, and a batch that cannot be written in time becomes one that can.
    pub(crate) limit: usize,
    /// How often the place in the group was lost.
    pub(crate) slot: Slot,
    pub(crate) arrivals: Arrivals,
    pub(crate) poll_gap: PollGap,
}

/// Why a worker cannot go on. Its successor starts from what Kafka has committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error(transparent)]
    Transaction(#[from] Failure),
    #[error("cannot consume commands")]
    Consume(#[source] KafkaError),
    #[error("{0}")]
    Broken(String),
    #[error("a producer is retired after a slow transactional call")]
    Retired,
    #[error(transparent)]
    Fenced(#[from] Fenced),
}

/// Answers an assignment that was not served: librdkafka does not close a consumer that was fenced before it has that answer.
impl<A: Aggregate> Drop for Worker<'_, A> {
    fn drop(&mut self) {
        if let Err(error) = self.consumer.incremental_assign(&TopicPartitionList::new()) {
            tracing::debug!(%error, "the consumer is closed as it is");
        }
    }
}

impl<'l, A: Aggregate> Worker<'l, A> {
    pub(crate) fn new(
        consumer: BaseConsumer<Ownership<A>>,
        transactions: Transactions,
        wire: Arc<Wire>,
        idle: Idle,
        max_batch: usize,
        kept: &'l mut Kept,
    ) -> Self {
        Self {
            consumer,
            transactions,
            wire,
            max_batch,
            kept,
            failures: 0,
            again: None,
            idle,
            given_up: 0,
            meters: Meters::new(),
            ripe: HashMap::new(),
            no_snapshots_before: None,
            #[cfg(feature = "failpoints")]
            stale: None,
        }
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self) -> Result<(), Ended> {
        self.kept.poll_gap.begins();
        self.gather()?; // rebalances happen in here, and nowhere else
        self.kept.poll_gap.ends();
        self.consumer.context().finish_takeovers(&self.consumer);
        let aggregate = self.wire.contract.aggregate;
        self.meters
            .tell(&self.consumer.context().owned(), aggregate);
        let topic = self.wire.topics.commands();
        let given_up = self.consumer.context().owned().given_up;
        if std::mem::replace(&mut self.given_up, given_up) != given_up {
            self.kept.arrivals.anew();
        }
        let followed = || self.consumer.context().owned().followed(topic);
        if let Some(missing) = self.kept.arrivals.missing(&self.consumer, followed) {
            return Err(Ended::Broken(missing.to_string()));
        }
        self.ripe = self.idle.ripe(&self.consumer); // deadlines that no command brings the time for
        let start = Instant::now();
        let mut batch = self.decide(None);
        self.write_down(&mut batch);
        match batch.waiting.take() {
            Some(full @ (Waiting::Full { partition, .. } | Waiting::Heavy { partition, .. })) => {
                let reason = error_chain(&full);
                let context = self.consumer.context();
                context.stop_partition(partition, reason);
            }
            Some(registry) => self.put_off(&error_chain(&registry)),
            None => {}
        }
        if batch.is_empty() {
            return Ok(());
        }
        pause_at(Point::Decided);
        if mutated(Mutant::AdoptBeforeCommit) {
            batch.adopt_states(&mut self.consumer.context().owned());
        }
        match self.write(&batch) {
            Ok(()) => self.adopt(batch, start), // committed: only now does the worker believe it
            Err(failure) => self.recover(failure, &batch)?,
        }
        if self.transactions.is_retired() {
            Err(Ended::Retired)
        } else {
            Ok(())
        }
    }

    fn decide(&self, fault: Option<Fault>) -> Batch<A> {
        let context = self.consumer.context();
        Batch::decide(
            &self.wire,
            context.runtime(),
            &context.owned(),
            &self.ripe,
            (self.kept.limit, fault),
        )
    }

    /// Adds the snapshots that are due. They are of what was committed before the batch, and may stay away: after a failure they do.
    fn write_down(&mut self, batch: &mut Batch<A>) {
        if batch.is_empty()
            || self
                .no_snapshots_before
                .is_some_and(|end| Instant::now() < end)
        {
            return;
        }
        let mut owned = self.consumer.context().owned();
        for partition in owned.snapshots_due() {
            owned.begin_snapshots(partition, self.transactions.end_of_events(partition));
        }
        batch.with_snapshots(&self.wire, &owned);
    }

    /// Writes a batch in one transaction. A crash between any two lines leaves nothing visible: whoever takes over
    /// finds the offsets as they were and decides the same commands again.
    fn write(&mut self, batch: &Batch<A>) -> Result<(), Failure> {
        self.transactions.begin()?;
        for record in &batch.outgoing {
            self.transactions.send(record)?;
        }
        pause_at(Point::Sent);
        // Everything a successor must see is in the log before the offsets are: the generation is checked only there.
        let flushing = Instant::now();
        if !mutated(Mutant::NoFlush) {
            self.transactions.flush()?;
        }
        pause_at(Point::Flushed);
        if flushing.elapsed() >= WAITED {
            metrics::counter!("factline_transaction_flush_waits_total", "aggregate" => self.wire.contract.aggregate)
                .increment(1);
        }
        self.took("flush", flushing);
        let offering = Instant::now();
        // Fetched now: metadata of an older generation would be refused, and of none would not be checked at all.
        let not_member = || Failure::Abort {
            what: "the worker is no member of its group",
            source: KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId),
        };
        let before = membership(&self.consumer).ok_or_else(not_member)?;
        let group = self.consumer.group_metadata().ok_or_else(not_member)?;
        if membership(&self.consumer) != Some(before.clone())
            || !self.consumer.context().is_member(&before)
        {
            return Err(not_member());
        }
        let offsets = batch.offsets(self.wire.topics.commands());
        #[cfg(feature = "failpoints")]
        let group = if mutated(Mutant::StaleMetadata) {
            self.stale.take().unwrap_or(group)
        } else {
            group
        };
        self.transactions.send_offsets(&offsets, &group)?;
        #[cfg(feature = "failpoints")]
        self.stale.replace(group);
        self.took("offsets", offering);
        pause_at(Point::Offered);
        let committing = Instant::now();
        self.transactions.commit()?;
        self.took("commit", committing);
        pause_at(Point::Committed);
        Ok(())
    }

    fn took(&self, step: &'static str, since: Instant) {
        metrics::histogram!("factline_transaction_step_seconds", "aggregate" => self.wire.contract.aggregate, "step" => step)
            .record(since.elapsed());
    }

    fn adopt(&mut self, batch: Batch<A>, start: Instant) {
        let aggregate = self.wire.contract.aggregate;
        metrics::histogram!("factline_transaction_seconds", "aggregate" => aggregate)
            .record(start.elapsed());
        metrics::histogram!("factline_transaction_commands", "aggregate" => aggregate)
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        batch.adopt(&mut self.consumer.context().owned(), &self.wire);
        self.kept.limit = (self.kept.limit * 2).min(self.max_batch);
        if self.failures >= TROUBLE {
            self.consumer.context().trouble(None);
        }
        self.failures = 0;
    }

    /// Nothing of the batch is visible; or nobody knows, and then this worker has to go.
    fn recover(&mut self, failure: Failure, batch: &Batch<A>) -> Result<(), Ended> {
        // Only then is the batch surely the first pending command: of a larger one, others may have been left out.
        let alone = self.kept.limit == 1;
        if batch.has_snapshots() {
            self.no_snapshots_before = Some(Instant::now() + SNAPSHOTS_AGAIN);
        }
        // Before the abort, which may fail and end the worker: its successor begins with the smaller batch.
        self.kept.limit = usize::try_from(batch.len() / 2).unwrap_or(1).max(1);
        match failure {
            failure @ Failure::Unknown { .. } => Err(failure.into()),
            Failure::TooLarge if alone => {
                self.transactions.abort()?;
                self.fail_too_large()
            }
            failure => {
                self.transactions.abort()?;
                if self.failures >= NO_MEMBER && membership(&self.consumer).is_none() {
                    return Err(Ended::Broken(error_chain(&failure)));
                }
                self.put_off(&error_chain(&failure));
                Ok(())
            }
        }
    }

    /// The first pending command leads to more than the broker takes: it fails, alone.
    fn fail_too_large(&mut self) -> Result<(), Ended> {
        let start = Instant::now();
        let batch = self.decide(Some(Fault::TooLarge));
        match self.write(&batch) {
            Ok(()) => self.adopt(batch, start),
            Err(failure @ Failure::Unknown { .. }) => return Err(failure.into()),
            Err(failure) => {
                self.transactions.abort()?;
                self.put_off(&error_chain(&failure));
            }
        }
        Ok(())
    }

    /// Nothing happened; the same commands are tried again after a pause, in which rebalances are served.
    fn put_off(&mut self, reason: &str) {
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(
            topic = self.wire.topics.commands(),
            reason,
            event = log_events::BATCH_RETRIED,
            tries = self.failures,
            "transaction aborted; retrying batch"
        );
        metrics::counter!("factline_transactions_aborted_total", "aggregate" => self.wire.contract.aggregate).increment(1);
        if self.failures >= TROUBLE {
            self.consumer.context().trouble(Some(reason.to_owned()));
        }
        let pause = Duration::from_millis(10) * 2_u32.saturating_pow(self.failures.min(10));
        self.again = Some(Instant::now() + pause.min(Duration::from_secs(2)));
    }

    /// Polls until there is something to do and nothing more at hand, or enough; and in any case until a batch that was
    /// put off may be tried again. A poll serves one event of librdkafka, which may be a line of its log: so the pause
    /// is spent in here, or the rebalance that ends the failure would wait behind them.
    fn gather(&mut self) -> Result<(), Ended> {
        let (mut count, mut bytes, idle) = {
            let owned = self.consumer.context().owned();
            (
                owned.pending.len(),
                owned.pending.iter().map(Record::size).sum::<usize>(),
                owned.until_next_look(chrono::Utc::now()),
            )
        };
        let mut wait = match count {
            0 if self.idle.is_waiting() => Duration::from_millis(5),
            0 => idle,
            _ => Duration::ZERO,
        };
        let again = self.again.take();
        let most = self.max_batch;
        let is_enough = |count, bytes| count >= most || bytes >= GATHERED_BYTES;
        loop {
            let pause = again.map_or(Duration::ZERO, |again| {
                again.saturating_duration_since(Instant::now())
            });
            if is_enough(count / 2, bytes / 2) {
                std::thread::sleep(pause);
            } else if is_enough(count, bytes) {
                std::thread::sleep(pause.min(GLANCE));
            }
            match self.consumer.poll(wait.max(pause)) {
                Some(Ok(message)) => {
                    let record = Record::from(&message);
                    let mut owned = self.consumer.context().owned();
                    if owned.is_next(&record) {
                        bytes += record.size();
                        owned.pending.push(record);
                    }
                    count = owned.pending.len();
                }
                Some(Err(error)) => self.consumer_error(error)?,
                // A rebalance was served.
                None if !pause.is_zero() => {}
                None => break,
            }
            if pause.is_zero() && is_enough(count, bytes) {
                break;
            }
            wait = Duration::ZERO;
        }
        match self.consumer.context().broken() {
            Some(reason) => Err(Ended::Broken(reason)),
            None => Ok(()),
        }
    }

    fn consumer_error(&mut self, error: KafkaError) -> Result<(), Ended> {
        // A fatal error comes as just that; what it is, the client knows.
        match self.consumer.client().fatal_error() {
            Some(_) if self.kept.slot.is_taken(&self.consumer) => Err(Fenced {
                instance: self.consumer.context().instance().to_owned(),
            }
            .into()),
            // Once or twice it was the worker itself, that came back twice after its session had timed out.
            Some(_) => Err(Ended::Consume(error)),
            None if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                Err(Ended::Consume(error))
            }
            None if is_passing(&error) => Ok(()),
            None => {
                tracing::warn!(%error, "kafka consumer");
                Ok(())
            }
        }
    }
}
