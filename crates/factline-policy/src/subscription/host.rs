//! The loop: polls, decodes, has the effect done, commits.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use factline::{Fact, Messages};
use factline_failpoints::{Point, delay};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::assignment::Beginning;
use super::batch::Batch;
use super::fact::Reader;
use super::offsets::Places;
use super::readiness::{Condition, Trouble};
use super::subscription_metrics::Meters;
use super::{Error, Failure, Report, Subscription};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::{self, EXPECTING, Events, IDLE, Key, Slot};
use factline_kafka::consumer::poll_gap::PollGap;
use factline_kafka::consumer::stalled_partitions::Arrivals;
use factline_kafka::consumer::start_lookups::TakeOvers;
use factline_kafka::consumer::watchdog::Pulse;
use factline_kafka::records::record::Record;

/// Records of a batch at most.
const BATCH_RECORDS: usize = 500;
/// Bytes of records at most that wait for their turn.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How often the group is seen to while the effect is under way.
const ATTEND: Duration = Duration::from_millis(50);
/// How long the effect under way may still take when the process is told to end.
const LAST: Duration = Duration::from_secs(5);
/// Waits between tries: the first and the longest.
pub(crate) const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

pub(crate) struct Host {
    pub(crate) subscription: Subscription,
    pub(crate) kafka: KafkaConfig,
    pub(crate) slot: Slot,
    pub(crate) consumer: BaseConsumer<Events>,
    pub(crate) facts: Reader,
    pub(crate) places: Places,
    pub(crate) condition: Condition,
    pub(crate) meters: Meters,
    pub(crate) stop: CancellationToken,
    pulse: Pulse,
    poll_gap: PollGap,
    /// Records that were polled and not looked at, in the order of each partition.
    pub(crate) pending: VecDeque<Record>,
    pub(crate) takeovers: TakeOvers<Beginning>,
    /// Whether the group has said which partitions are ours.
    pub(crate) joined: bool,
    /// Whether librdkafka is told to deliver nothing, so that polling only serves the group.
    pub(crate) paused: bool,
    pub(crate) arrivals: Arrivals,
    /// Why the consumer is of no more use.
    pub(crate) broken: Option<String>,
}

impl Host {
    pub(crate) fn new(
        subscription: Subscription,
        kafka: KafkaConfig,
        report: Report,
        stop: CancellationToken,
        pulse: &Pulse,
    ) -> Result<Self, KafkaError> {
        let topics = subscription.topics(&kafka);
        let consumer = group::join(&kafka, &subscription.group, &topics, pulse)?;
        let arrivals = Arrivals::new(&kafka, &subscription.group, &topics);
        let topics = kafka.topics(subscription.source);
        let name = subscription.name.clone();
        let report = move |state| report(&name, state);
        Ok(Self {
            facts: Reader::new(&kafka, topics),
            condition: Condition::new(report, Trouble::Joining),
            meters: Meters::new(&subscription.name),
            poll_gap: PollGap::new(&subscription.name),
            places: Places::default(),
            pending: VecDeque::new(),
            takeovers: TakeOvers::default(),
            joined: false,
            paused: false,
            arrivals,
            broken: None,
            slot: Slot::default(),
            pulse: pulse.clone(),
            subscription,
            kafka,
            consumer,
            stop,
        })
    }

    pub(crate) fn join(&self) -> Result<BaseConsumer<Events>, KafkaError> {
        let topics = self.subscription.topics(&self.kafka);
        group::join(&self.kafka, &self.subscription.group, &topics, &self.pulse)
    }

    /// A crash between any two lines loses nothing: what was carried out and not committed is carried out again.
    pub(crate) async fn follow<E, F>(mut self, mut effect: F) -> Result<(), Error>
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>]) -> Result<(), Failure>,
    {
        while !self.stop.is_cancelled() {
            if let Some(reason) = self.broken.take() {
                self.rejoin(reason).await?;
                continue;
            }
            self.resume();
            self.poll(if self.takeovers.is_empty() {
                IDLE
            } else {
                EXPECTING
            });
            if self.consumer.context().is_cut_off() {
                let reason = || "no broker has been reachable for long".to_owned();
                self.broken.get_or_insert_with(reason);
                continue;
            }
            self.take_changes();
            // What is left undone is dropped: then the process ends, or joins anew where the group is.
            let Some(batch) = self.decode().await else {
                continue;
            };
            if !self.carry_out(&mut effect, batch).await {
                continue;
            }
            if let Some(pause) = delay(Point::Emitted) {
                tokio::time::sleep(pause).await;
            }
            self.commit();
            self.measure();
            self.look();
        }
        self.condition.ended();
        Ok(())
    }

    /// Takes what has arrived, up to a limit; waits if there is nothing.
    fn poll(&mut self, wait: Duration) {
        self.poll_gap.begins();
        self.poll_records(wait);
        self.poll_gap.ends();
    }

    fn poll_records(&mut self, wait: Duration) {
        let mut wait = if self.pending.is_empty() {
            wait
        } else {
            Duration::ZERO
        };
        let mut bytes: usize = self.pending.iter().map(Record::size).sum();
        while self.paused || (self.pending.len() < BATCH_RECORDS && bytes < BATCH_BYTES) {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let record = Record::from(&message);
                    bytes += record.size();
                    self.pending.push_back(record);
                    wait = Duration::ZERO;
                }
                Some(Err(
                    error @ (KafkaError::MessageConsumptionFatal(_)
                    | KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)),
                )) => {
                    self.broken = Some(error_chain(&error));
                    break;
                }
                Some(Err(error)) => {
                    tracing::warn!(reaction = self.subscription.name, %error, "cannot read for now");
                    self.condition
                        .set(Trouble::Reading, Some(error.to_string()));
                }
            }
        }
    }

    /// The facts among what is pending. What can never be read stops its partition. None if reading is broken off.
    async fn decode<E: Messages>(&mut self) -> Option<Batch<E>> {
        let mut batch = Batch::new();
        let mut wait = RETRY.0;
        // Not more than a batch: while somebody waits, more may come.
        for _ in 0..self.pending.len().min(BATCH_RECORDS) {
            let Some(record) = self.pending.pop_front() else {
                break;
            };
            let key = (record.topic.clone(), record.partition);
            while self.places.wants(&key, record.offset) {
                match self.facts.read(&record).await {
                    Ok(fact) => {
                        batch.push(key, record.offset, fact);
                        break;
                    }
                    Err(error) if error.is_transient() => {
                        if !self.wait_out(Trouble::Reading, &error, &mut wait).await {
                            return None;
                        }
                    }
                    Err(error) => {
                        let poison = Poison {
                            place: record.place(),
                            cause: error.into(),
                        };
                        self.stop_partition(&key, &poison);
                    }
                }
            }
        }
        Some(batch)
    }

    /// Has a batch carried out, whatever it takes, but for what goes to others meanwhile. False if it is broken off.
    async fn carry_out<E, F>(&mut self, effect: &mut F, mut batch: Batch<E>) -> bool
    where
        F: AsyncFnMut(&[Fact<E>]) -> Result<(), Failure>,
    {
        let mut wait = RETRY.0;
        loop {
            batch.keep_wanted(&self.places);
            if batch.facts.is_empty() {
                break;
            }
            let begun = Instant::now();
            match self.attend(effect(&batch.facts), LAST).await {
                None => return false,
                Some(Ok(())) => {
                    self.meters.carried_out(batch.facts.len(), begun.elapsed());
                    break;
                }
                Some(Err(Failure::Poison { fact, cause })) => {
                    if let Some((key, offset)) = batch.place(fact).cloned() {
                        let place = format!("{}/{}@{offset}", key.0, key.1);
                        self.stop_partition(&key, &Poison { place, cause });
                        batch.cut(&key, offset);
                    }
                }
                Some(Err(Failure::Unavailable(error))) => {
                    if !self.wait_out(Trouble::Effect, &error, &mut wait).await {
                        return false;
                    }
                }
            }
        }
        self.condition.set(Trouble::Effect, None);
        batch.done(&mut self.places);
        true
    }

    /// Sees to the group while something takes its time. None if the process is to end, and this takes too long, or if the
    /// place in the group is lost.
    async fn attend<T>(&mut self, work: impl Future<Output = T>, last: Duration) -> Option<T> {
        let mut work = pin!(work);
        let mut ending: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = tokio::time::sleep(ATTEND) => {}
            }
            if self.stop.is_cancelled() {
                let since = *ending.get_or_insert_with(Instant::now);
                if since.elapsed() >= last {
                    return None;
                }
            }
            if !self.paused {
                self.pause();
            }
            self.poll(Duration::ZERO);
            self.take_changes();
            if self.broken.is_some() {
                return None;
            }
        }
    }

    /// Waits before the next try, longer each time. False if there is not to be one.
    async fn wait_out(
        &mut self,
        trouble: Trouble,
        error: &dyn std::error::Error,
        wait: &mut Duration,
    ) -> bool {
        let reason = error_chain(error);
        tracing::warn!(
            reaction = self.subscription.name,
            reason,
            ?wait,
            "tries again"
        );
        self.meters.retried();
        self.condition.set(trouble, Some(reason));
        let pause = tokio::time::sleep(*wait);
        *wait = (*wait * 2).min(RETRY.1);
        self.attend(pause, Duration::ZERO).await.is_some()
    }

    /// Delivers nothing more, so that the group can be seen to without records piling up.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
        let assigned = self.consumer.assignment();
        if let Err(error) = assigned.and_then(|assigned| self.consumer.pause(&assigned)) {
            tracing::warn!(reaction = self.subscription.name, %error, "cannot pause; records are kept");
        }
    }

    fn resume(&mut self) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        let assigned = self.consumer.assignment();
        if let Err(error) = assigned.and_then(|assigned| self.consumer.resume(&assigned)) {
            self.broken = Some(error_chain(&error));
        }
    }

    /// Looks whether what is there arrives.
    fn look(&mut self) {
        let followed = || self.places.followed(&self.pending);
        if let Some(missing) = self.arrivals.missing(&self.consumer, followed) {
            self.broken = Some(missing.to_string());
        }
    }

    /// Follows a partition no further, loudly.
    pub(crate) fn stop_partition(&mut self, key: &Key, why: &dyn std::error::Error) {
        let reason = error_chain(why);
        let (topic, partition) = (&key.0, key.1);
        tracing::error!(
            reaction = self.subscription.name,
            topic,
            partition,
            reason,
            "partition is followed no further"
        );
        self.places.stop(key);
        self.meters.stopped(self.places.stopped());
        group::stop(&self.consumer, &mut self.condition, key, reason);
    }

    /// Commits what was carried out. If it fails, the next turn tries again; meanwhile only more would be repeated.
    fn commit(&mut self) {
        let moves = self.places.uncommitted();
        if moves.is_empty() {
            // What could not be committed may have left with its partitions.
            return self.condition.set(Trouble::Committing, None);
        }
        let list = moves.iter().try_fold(
            TopicPartitionList::new(),
            |mut list, ((topic, partition), next)| {
                list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
                Ok::<_, KafkaError>(list)
            },
        );
        match list.and_then(|list| self.consumer.commit(&list, CommitMode::Sync)) {
            Ok(()) => {
                self.places.committed(&moves);
                self.condition.set(Trouble::Committing, None);
            }
            Err(error) => {
                let reason = error_chain(&error);
                tracing::warn!(
                    reaction = self.subscription.name,
                    reason,
                    "cannot commit offsets"
                );
                self.meters.retried();
                self.condition.set(Trouble::Committing, Some(reason));
            }
        }
    }

    /// Hands on what the client has measured since the last call.
    fn measure(&mut self) {
        let troubles = (Trouble::Reading, Trouble::Brokers);
        let measured = group::measured(&self.consumer, &mut self.condition, troubles);
        let Some(unread) = measured else {
            return;
        };
        for key in self.places.following() {
            if let Some(unread) = unread.get(key) {
                self.meters.lag(key, *unread);
            }
        }
        if self.pending.is_empty() {
            self.pass_markers();
        }
    }

    /// Moves past the markers with which transactions end. They are no records, but if a group stays before one for as
    /// long as the topic is kept, it seems to have missed what was deleted.
    fn pass_markers(&mut self) {
        for (key, next) in group::positions(&self.consumer) {
            if self.places.wants(&key, next) {
                self.places.done(&key, next);
            }
        }
    }
}

/// A record that can never be handled.
#[derive(Debug, thiserror::Error)]
#[error("record {place} cannot be handled")]
struct Poison {
    place: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}
