//! Host loop: polls, decodes, calls `handle`, commits.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use factline::{Delivery, Fact, Messages, PoisonPolicy};
use factline_failpoints::{Point, delay};
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::fact::Reader;
use super::group_offsets::GroupOffsets;
use super::letters::{Letter, Letters, Redrives};
use super::offsets::Places;
use super::parked::Parked;
use super::readiness::{Readiness, Trouble};
use super::subscription_metrics::Meters;
use super::{Error, Failure, Report, Subscription};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::{SHORT_SESSION, Settings, TopicPartition, positions};
use factline_kafka::consumer::host::{ConsumerHost, Polled};
use factline_kafka::consumer::stuck_partitions::{Progress, StuckPartitions};
use factline_kafka::consumer::watchdog::Watchdog;
use factline_kafka::records::record::Record;
use factline_kafka::retry::Backoff;

/// Maximum number of records in a batch.
const BATCH_RECORDS: usize = 500;
/// Maximum size of the polled records that are not processed yet, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Maximum wait for records that a retry includes.
const MORE_RECORDS: Duration = Duration::from_millis(100);
/// Interval between two polls while `handle` runs. Polling keeps the group membership.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum time that `handle` may continue after the process was asked to stop.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Pause before the client is replaced, and the longest pause between two retries.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), LONGEST_PAUSE)
}

pub(crate) struct Host {
    pub(crate) subscription: Subscription,
    pub(crate) consumers: ConsumerHost<GroupOffsets>,
    pub(crate) facts: Reader,
    pub(crate) places: Places,
    pub(crate) readiness: Readiness,
    pub(crate) meters: Meters,
    pub(crate) stuck: StuckPartitions,
    pub(crate) parked: Parked,
    pub(crate) redrives: Redrives,
    pub(crate) stop: CancellationToken,
    /// Records that were polled but not decoded yet, in the order of each partition.
    pub(crate) pending: VecDeque<Record>,
    /// Set while fetching is paused, so that polling only serves the group membership.
    pub(crate) paused: bool,
    /// Reason why the consumer must be replaced.
    pub(crate) rejoin_reason: Option<String>,
}

impl Host {
    pub(crate) fn new(
        subscription: Subscription,
        kafka: &KafkaConfig,
        report: Report,
        stop: CancellationToken,
        watchdog: &Watchdog,
    ) -> Result<Self, KafkaError> {
        let settings = Settings {
            group: subscription.group.clone(),
            topics: subscription.topics(kafka),
            session_timeout: SHORT_SESSION,
            name: subscription.name.clone(),
            kafka: kafka.clone(),
        };
        let topics = kafka.topics(subscription.source);
        let facts = Reader::new(kafka, topics.clone());
        let offsets = GroupOffsets {
            group: subscription.group.clone(),
            events: topics.events().to_owned(),
            letters: (subscription.poison == PoisonPolicy::Park)
                .then(|| Letters::of(kafka, &subscription.group)),
            kafka: kafka.clone(),
        };
        let name = subscription.name.clone();
        let report = move |state| report(&name, state);
        Ok(Self {
            consumers: ConsumerHost::join(settings, offsets, watchdog)?,
            facts,
            readiness: Readiness::new(report, Trouble::Joining),
            meters: Meters::new(&subscription.name),
            stuck: StuckPartitions::default(),
            parked: Parked::default(),
            redrives: Redrives::new(kafka, &subscription.group),
            places: Places::default(),
            pending: VecDeque::new(),
            paused: false,
            rejoin_reason: None,
            subscription,
            stop,
        })
    }

    /// Runs the loop. A crash between any two lines loses nothing: facts that were handled but not
    /// committed are handled again.
    pub(crate) async fn follow<E, F>(mut self, mut handle: F) -> Result<(), Error>
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>], &[Option<Delivery>]) -> Result<(), Failure>,
    {
        while !self.stop.is_cancelled() {
            if let Some(reason) = self.rejoin_reason.take() {
                self.rejoin(reason).await?;
                continue;
            }
            self.resume();
            self.poll(self.consumers.idle_wait());
            if self.rejoin_reason.is_some() {
                continue;
            }
            // An unfinished batch is dropped. Then the process ends, or the consumer rejoins and
            // continues at the committed offsets.
            let mut batch = Batch::new();
            if !self.decode(&mut batch).await {
                continue;
            }
            if !self.handle_batch(&mut handle, batch).await {
                continue;
            }
            if let Some(pause) = delay(Point::Emitted) {
                tokio::time::sleep(pause).await;
            }
            self.commit();
            self.redrive(&mut handle).await;
            self.measure();
            self.check_stalled_partitions();
        }
        self.readiness.ended();
        Ok(())
    }

    /// Polls the records that have arrived, up to a limit. Waits if there are none.
    fn poll(&mut self, wait: Duration) {
        let mut wait = if self.pending.is_empty() {
            wait
        } else {
            Duration::ZERO
        };
        let mut bytes: usize = self.pending.iter().map(Record::size).sum();
        while self.paused || (self.pending.len() < BATCH_RECORDS && bytes < BATCH_BYTES) {
            let polled = self.consumers.poll(wait);
            self.take_changes();
            match polled {
                Ok(Polled::Nothing) => break,
                Ok(Polled::Record(record)) => {
                    bytes += record.size();
                    self.pending.push_back(record);
                    wait = Duration::ZERO;
                }
                Err(reason) => {
                    self.rejoin_reason = Some(error_chain(&reason));
                    break;
                }
                Ok(Polled::Unavailable(error)) => {
                    tracing::warn!(
                        subscription = self.subscription.name,
                        %error,
                        "cannot fetch records; retrying"
                    );
                    self.readiness
                        .set(Trouble::Reading, Some(error.to_string()));
                }
            }
        }
        self.start_partitions();
    }

    /// Decodes the pending records into a batch, while it has room. A record that can never be read
    /// is treated as the subscription's policy says. Returns `false` if the decoding was
    /// interrupted.
    async fn decode<E: Messages>(&mut self, batch: &mut Batch<E>) -> bool {
        let mut backoff = backoff();
        let room = BATCH_RECORDS.saturating_sub(batch.len());
        // At most one batch: more records may arrive during the waits.
        for _ in 0..self.pending.len().min(room) {
            let Some(record) = self.pending.pop_front() else {
                break;
            };
            let key = (record.topic.clone(), record.partition);
            while self.places.wants(&key, record.offset) {
                if self.parked.holds(&key, record.key.as_deref()) {
                    self.park(Letter::behind(&record), batch);
                    break;
                }
                match self.facts.read(&record).await {
                    Ok(Some(fact)) => {
                        batch.push(record, fact);
                        break;
                    }
                    Ok(None) => {
                        batch.pass(&record);
                        break;
                    }
                    Err(error) if error.is_transient() => {
                        if !self
                            .wait_before_retry(Trouble::Reading, &error, &mut backoff)
                            .await
                        {
                            return false;
                        }
                    }
                    Err(error) => {
                        let poison = Poison::of(&record, error.into());
                        match self.treatment(&record, &poison) {
                            PoisonPolicy::Halt => self.stop_partition(&key, &poison),
                            PoisonPolicy::Skip => batch.pass(&record),
                            PoisonPolicy::Park => {
                                let letter = Letter::failed(&record, &error_chain(&poison));
                                self.park(letter, batch);
                            }
                        }
                        break;
                    }
                }
            }
        }
        true
    }

    /// Calls `handle` with a batch until it succeeds. Drops records of partitions that are revoked
    /// meanwhile. Returns `false` if the batch was interrupted.
    async fn handle_batch<E, F>(&mut self, handle: &mut F, mut batch: Batch<E>) -> bool
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>], &[Option<Delivery>]) -> Result<(), Failure>,
    {
        let mut backoff = backoff();
        loop {
            batch.keep_wanted(&self.places);
            if batch.facts.is_empty() {
                break;
            }
            let begun = Instant::now();
            let deliveries = batch.deliveries(&self.places);
            match self
                .run_while_polling(handle(&batch.facts, &deliveries), SHUTDOWN_GRACE)
                .await
            {
                None => return false,
                Some(Ok(())) => {
                    self.meters.handled(batch.facts.len(), begun.elapsed());
                    break;
                }
                Some(Err(Failure::Poison { fact, cause })) => {
                    if let Some(record) = batch.record(fact).cloned() {
                        let poison = Poison::of(&record, cause);
                        self.set_aside(&mut batch, fact, &record, &poison);
                    }
                }
                Some(Err(Failure::Unavailable(error))) => {
                    if !self
                        .wait_before_retry(Trouble::Handling, &error, &mut backoff)
                        .await
                    {
                        return false;
                    }
                    // The next try includes what has arrived meanwhile, so that a fact that fails
                    // again and again does not keep all others from being tried.
                    self.resume();
                    self.poll(MORE_RECORDS);
                    if self.rejoin_reason.is_some() || !self.decode(&mut batch).await {
                        return false;
                    }
                }
            }
        }
        if !self.append_letters(&mut batch).await {
            return false;
        }
        self.readiness.set(Trouble::Handling, None);
        batch.done(&mut self.places);
        true
    }

    /// Removes a fact that can never be handled from the batch, as the subscription's policy says.
    fn set_aside<E>(
        &mut self,
        batch: &mut Batch<E>,
        fact: usize,
        record: &Record,
        poison: &Poison,
    ) {
        let key = (record.topic.clone(), record.partition);
        match self.treatment(record, poison) {
            PoisonPolicy::Halt => {
                self.stop_partition(&key, poison);
                batch.cut(&key, record.offset);
            }
            PoisonPolicy::Skip => batch.skip(fact),
            PoisonPolicy::Park => {
                for letter in batch.park_from(fact, &error_chain(poison)) {
                    self.parked.add(letter);
                }
            }
        }
    }

    /// Returns how a fact that can never be handled is treated, and logs that. A record without a
    /// key cannot be parked: it could not be told which records are behind it.
    fn treatment(&self, record: &Record, poison: &Poison) -> PoisonPolicy {
        let place = (record.topic.clone(), record.partition);
        let halts = record.key.is_none() || self.parked.is_full(&place);
        let treatment = match self.subscription.poison {
            PoisonPolicy::Park if halts => PoisonPolicy::Halt,
            treatment => treatment,
        };
        let (subscription, reason) = (&self.subscription.name, error_chain(poison));
        match treatment {
            PoisonPolicy::Halt => {}
            PoisonPolicy::Skip => {
                tracing::error!(subscription, reason, "cannot handle a fact: skipped");
                self.meters.skipped();
            }
            PoisonPolicy::Park => tracing::error!(
                subscription,
                reason,
                "cannot handle a fact: its key is parked; other keys continue"
            ),
        }
        treatment
    }

    fn park<E>(&mut self, letter: Letter, batch: &mut Batch<E>) {
        self.parked.add(&letter);
        batch.park(letter);
    }

    /// Runs `work` and polls meanwhile, so that the member keeps its place in the group. Returns
    /// `None` if the process is stopped and `work` exceeds `grace`, or if the group membership is
    /// lost.
    pub(crate) async fn run_while_polling<T>(
        &mut self,
        work: impl Future<Output = T>,
        grace: Duration,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut ending: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            if self.stop.is_cancelled() {
                let since = *ending.get_or_insert_with(Instant::now);
                if since.elapsed() >= grace {
                    return None;
                }
            }
            if !self.paused {
                self.pause();
            }
            self.poll(Duration::ZERO);
            if self.rejoin_reason.is_some() {
                return None;
            }
        }
    }

    /// Waits before the next retry, twice as long each time. Returns `false` if there must be no
    /// retry.
    pub(crate) async fn wait_before_retry(
        &mut self,
        trouble: Trouble,
        error: &dyn std::error::Error,
        backoff: &mut Backoff,
    ) -> bool {
        let (reason, wait) = (error_chain(error), backoff.pause());
        tracing::warn!(
            subscription = self.subscription.name,
            reason,
            ?wait,
            "temporary failure; retrying"
        );
        self.meters.retried();
        self.readiness.set(trouble, Some(reason));
        let pause = tokio::time::sleep(wait);
        self.run_while_polling(pause, Duration::ZERO)
            .await
            .is_some()
    }

    /// Pauses fetching, so that polling keeps the group membership without accumulating records.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
        let assigned = self.consumers.consumer().assignment();
        if let Err(error) = assigned.and_then(|assigned| self.consumers.consumer().pause(&assigned))
        {
            tracing::warn!(
                subscription = self.subscription.name,
                %error,
                "cannot pause partitions; polled records stay in memory"
            );
        }
    }

    fn resume(&mut self) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        let assigned = self.consumers.consumer().assignment();
        if let Err(error) =
            assigned.and_then(|assigned| self.consumers.consumer().resume(&assigned))
        {
            self.rejoin_reason = Some(error_chain(&error));
        }
    }

    /// Checks whether existing records are fetched. Requests a new consumer if they are not.
    fn check_stalled_partitions(&mut self) {
        let followed = || self.places.followed(&self.pending);
        if let Err(reason) = self.consumers.check_stalled(followed) {
            self.rejoin_reason = Some(error_chain(&reason));
        }
    }

    /// Halts a partition, logs an error and reports it.
    pub(crate) fn stop_partition(&mut self, key: &TopicPartition, why: &dyn std::error::Error) {
        let reason = error_chain(why);
        let (topic, partition) = (&key.0, key.1);
        tracing::error!(
            subscription = self.subscription.name,
            topic,
            partition,
            reason,
            "partition halted; other partitions continue"
        );
        self.places.stop(key);
        self.meters.stopped(self.places.stopped());
        self.consumers.halt(key);
        self.readiness.halted(key.clone(), reason);
    }

    /// Commits the offsets of handled records. After a failure the next iteration retries. Until
    /// then, only the number of facts that a restart would repeat grows.
    fn commit(&mut self) {
        let moves = self.places.uncommitted();
        if moves.is_empty() {
            // The partitions with uncommitted offsets may have been revoked.
            return self.readiness.set(Trouble::Committing, None);
        }
        let list = moves.iter().try_fold(
            TopicPartitionList::new(),
            |mut list, ((topic, partition), next)| {
                list.add_partition_offset(topic, *partition, Offset::Offset(next.offset))?;
                if let Some(mut place) = list.find_partition(topic, *partition) {
                    place.set_metadata(next.metadata());
                }
                Ok::<_, KafkaError>(list)
            },
        );
        match list.and_then(|list| self.consumers.consumer().commit(&list, CommitMode::Sync)) {
            Ok(()) => {
                self.places.committed(&moves);
                self.readiness.set(Trouble::Committing, None);
            }
            Err(error) => {
                let reason = error_chain(&error);
                tracing::warn!(
                    subscription = self.subscription.name,
                    reason,
                    "cannot commit offsets"
                );
                self.meters.retried();
                self.readiness.set(Trouble::Committing, Some(reason));
            }
        }
    }

    /// Records the statistics that the client has collected since the last call.
    fn measure(&mut self) {
        let Some(measured) = self.consumers.take_statistics() else {
            return;
        };
        // What still cannot be read is reported again.
        self.readiness.set(Trouble::Reading, None);
        self.readiness
            .set(Trouble::Brokers, self.consumers.brokers_down());
        let mut progress = Vec::new();
        for (key, next) in self.places.following() {
            if let Some(measured) = measured.get(key) {
                self.meters.lag(key, measured.unread);
                let pending = self.pending.iter().filter(|record| record.is_of(key));
                let of_key = Progress::of(next, pending.count(), *measured);
                progress.push((key.clone(), of_key));
            }
        }
        self.meters.parked(self.parked.len());
        let stuck = self.stuck.observe(Instant::now(), progress);
        self.readiness.set(Trouble::Stuck, stuck);
        if self.pending.is_empty() {
            self.pass_markers();
        }
    }

    /// Moves past the markers with which transactions end. A marker is not a record. But if the
    /// committed offset stays before a marker that retention deletes, the group seems to have
    /// missed deleted records.
    fn pass_markers(&mut self) {
        for (key, next) in positions(self.consumers.consumer()) {
            if self.places.wants(&key, next) {
                self.places.done(&key, next);
            }
        }
    }
}

/// A record that can never be handled.
#[derive(Debug, thiserror::Error)]
#[error("record {place} cannot be handled")]
pub(crate) struct Poison {
    place: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Poison {
    pub(crate) fn of(record: &Record, cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let place = record.place();
        Self { place, cause }
    }
}
