//! The host: follows topics and writes what they say into PostgreSQL, each record exactly once.
//!
//! One thread, one group member, one transaction at a time over all its partitions: rows and checkpoints together. What the
//! rows are is the [`Sink`]'s matter. Whatever passes (a database, broker or registry that is away) is waited out; what does
//! not pass stops the partition it concerns, loudly, and no other.

mod assignment;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use factline::Timestamp;
use factline::error_chain;
use factline_failpoints::{Point, delay};
use factline_kafka::{KafkaConfig, Record};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::PgPool;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use assignment::Found;

use crate::checkpoint::{self, Owner};
use crate::follower_metrics::Meters;
use crate::partition::{Batch, Contents, Partitions, Stop};
use crate::readiness::{Condition, Trouble};
use crate::sink::{Poison, Sink, SinkError};
use factline_kafka::consumer::group::{self, EXPECTING, Events, IDLE, Key, Slot};
use factline_kafka::consumer::poll_gap::PollGap;
use factline_kafka::consumer::stalled_partitions::Arrivals;
use factline_kafka::consumer::start_lookups::TakeOvers;
use factline_kafka::consumer::watchdog::{Pulse, SILENCE};

/// Records of a batch at most: beyond some thousands a transaction only grows longer (`COPY` would be the next step).
const BATCH_RECORDS: usize = 5_000;
/// Bytes of values at most, so that large records do not pile up in memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// A transaction that takes longer hangs: the connection is given up and the batch tried again.
const TRANSACTION: Duration = Duration::from_mins(1);
/// Waits between tries: the first and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Who follows what.
#[derive(Debug, Clone)]
pub struct Follower {
    /// Whose checkpoints.
    pub owner: Owner,
    /// Consumer group; instances share its partitions.
    pub group: String,
    /// The topics, with their prefix.
    pub topics: Vec<(String, Contents)>,
}

/// Why a follower cannot begin, or ended when it should not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's configuration is wrong.
    #[error("cannot make a kafka consumer")]
    Consumer(#[from] KafkaError),
    /// The operating system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
    /// Another process runs in the same slot.
    #[error("another process follows {view} as instance {instance:?}; give each its own")]
    SlotTaken {
        /// Name of the follower.
        view: String,
        /// The slot.
        instance: String,
    },
    /// The client library does not go on.
    #[error("follower {view}: the kafka client has said nothing for {} s", SILENCE.as_secs())]
    Silent {
        /// Its name.
        view: String,
    },
    /// A defect of the host or the sink.
    #[error("follower {view} panicked")]
    Panicked {
        /// Its name.
        view: String,
    },
}

impl Follower {
    /// Follows until `shutdown`: then the batch under way is finished and the group left. `report` hears whenever
    /// readiness changes. Runs in a thread of its own, since librdkafka's calls block.
    pub async fn run<S: Sink>(
        self,
        sink: S,
        kafka: KafkaConfig,
        pool: PgPool,
        report: impl Fn(Result<(), String>) + Send + 'static,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let view = self.owner.view.clone();
        let (ended, end) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let pulse = Pulse::default();
        let host = Host {
            consumer: self.join(&kafka, &pulse)?,
            pulse: pulse.clone(),
            slot: Slot::default(),
            meters: Meters::new(&view),
            poll_gap: PollGap::new(&view),
            condition: Condition::new(report, Trouble::Joining),
            arrivals: Arrivals::new(&kafka, &self.group, &self.names()),
            partitions: Partitions::default(),
            takeovers: TakeOvers::default(),
            joined: false,
            follower: self,
            kafka,
            pool,
            shutdown,
        };
        std::thread::Builder::new()
            .name(format!("follower {view}"))
            .spawn(move || {
                // The receiver is gone only if nobody waits for the end.
                let _ = ended.send(runtime.block_on(host.follow(sink)));
            })?;
        tokio::select! {
            end = end => end.unwrap_or(Err(Error::Panicked { view })),
            () = pulse.stops(SILENCE) => Err(Error::Silent { view }),
        }
    }

    fn join(&self, kafka: &KafkaConfig, pulse: &Pulse) -> Result<BaseConsumer<Events>, KafkaError> {
        group::join(kafka, &self.group, &self.names(), pulse)
    }

    fn names(&self) -> Vec<&str> {
        let names = self.topics.iter().map(|(topic, _)| topic.as_str());
        names.collect()
    }
}

struct Host {
    slot: Slot,
    pulse: Pulse,
    follower: Follower,
    kafka: KafkaConfig,
    pool: PgPool,
    consumer: BaseConsumer<Events>,
    partitions: Partitions,
    takeovers: TakeOvers<Found>,
    /// Whether the group has said which partitions are ours.
    joined: bool,
    condition: Condition,
    meters: Meters,
    poll_gap: PollGap,
    arrivals: Arrivals,
    shutdown: CancellationToken,
}

/// Why a transaction was rolled back.
enum Failure {
    /// A checkpoint was not where it must be: another instance moved it.
    Fenced,
    Sink(SinkError),
}

impl<E: Into<SinkError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Sink(error.into())
    }
}

impl Host {
    /// The loop. A crash between any two lines loses nothing and doubles nothing: the next start reads the checkpoints.
    async fn follow<S: Sink>(mut self, mut sink: S) -> Result<(), Error> {
        while !self.shutdown.is_cancelled() {
            self.poll_gap.begins();
            let polled = self.poll(&sink);
            self.poll_gap.ends();
            let polled = match polled {
                Ok(polled) => polled,
                Err(error) => {
                    self.rejoin(&error).await?;
                    continue;
                }
            };
            let followed = || self.partitions.followed(&polled);
            if let Some(missing) = self.arrivals.missing(&self.consumer, followed) {
                self.rejoin(&missing).await?;
                continue;
            }
            self.take_changes().await?;
            let (batch, stops) = self.partitions.admit(polled);
            self.write(&mut sink, batch).await;
            for (key, stop) in stops {
                self.stop(&key, &stop);
            }
            self.measure().await;
        }
        Ok(())
    }

    /// What has arrived: returns with all there is, up to a limit, as soon as the sink does not want to wait for more; or
    /// empty-handed after a while. An error means that the consumer is of no more use.
    fn poll<S: Sink>(&mut self, sink: &S) -> Result<Vec<Record>, KafkaError> {
        let idle = if self.takeovers.is_empty() {
            IDLE
        } else {
            EXPECTING
        };
        let (mut polled, mut bytes, mut wait) = (Vec::new(), 0, idle);
        let (mut first, mut asked, mut patience) = (None, 0, Duration::MAX);
        while polled.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            match self.consumer.poll(wait) {
                None => {
                    let Some(first) = first else {
                        break;
                    };
                    patience = patience.min(sink.patience(&polled[asked..]));
                    asked = polled.len();
                    wait = patience.saturating_sub(Instant::elapsed(&first));
                    if wait.is_zero() {
                        break;
                    }
                }
                Some(Ok(message)) => {
                    bytes += message.payload_len();
                    polled.push(Record::from(&message));
                    first.get_or_insert_with(Instant::now);
                    wait = Duration::ZERO;
                }
                Some(Err(
                    error @ (KafkaError::MessageConsumptionFatal(_)
                    | KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)),
                )) => return Err(error),
                Some(Err(error)) => {
                    tracing::warn!(view = self.follower.owner.view, %error, "cannot read for now");
                    let missing = error.rdkafka_error_code()
                        == Some(RDKafkaErrorCode::UnknownTopicOrPartition);
                    let trouble = if missing {
                        Trouble::Topics
                    } else {
                        Trouble::Reading
                    };
                    self.condition.set(trouble, Some(error.to_string()));
                }
            }
        }
        if polled.is_empty() && self.consumer.context().is_cut_off() {
            let down = RDKafkaErrorCode::AllBrokersDown;
            return Err(KafkaError::MessageConsumption(down));
        }
        Ok(polled)
    }

    /// Writes a batch, whatever it takes: returns when it is committed, when it is another instance's, or at shutdown.
    async fn write<S: Sink>(&mut self, sink: &mut S, batch: Batch) {
        let mut queue = VecDeque::from([batch]);
        let mut wait = RETRY.0;
        while let Some(mut batch) = queue.pop_front() {
            if batch.is_empty() {
                continue;
            }
            match self.transaction(sink, &batch).await {
                Ok(()) => wait = RETRY.0,
                Err(Failure::Fenced) => return self.fall_back(),
                Err(Failure::Sink(SinkError::Poison(poison))) => {
                    let key = (poison.topic.clone(), poison.partition);
                    queue.push_front(batch);
                    for batch in &mut queue {
                        batch.cut(&key, poison.offset);
                    }
                    self.stop(&key, &Stop::Poison(poison));
                }
                Err(Failure::Sink(SinkError::Database(error))) if blames_data(&error) => {
                    let rest = batch.split();
                    if rest.is_empty() {
                        let poison = Poison::new(&batch.records[0], error);
                        let key = (poison.topic.clone(), poison.partition);
                        for batch in &mut queue {
                            batch.cut(&key, poison.offset);
                        }
                        self.stop(&key, &Stop::Poison(poison));
                    } else {
                        queue.push_front(rest);
                        queue.push_front(batch);
                    }
                }
                Err(Failure::Sink(error)) => {
                    if self.wait_out(&error, &mut wait).await {
                        queue.push_front(batch);
                    } else {
                        return;
                    }
                }
            }
        }
    }

    /// One transaction: checkpoints first, so that who has lost a partition finds out before he writes a row.
    async fn transaction<S: Sink>(&mut self, sink: &mut S, batch: &Batch) -> Result<(), Failure> {
        self.pulse.beat();
        let begun = Instant::now();
        let moves = self.partitions.moves(batch);
        let owner = &self.follower.owner;
        let attempt = async {
            let mut transaction = self.pool.begin().await?;
            if !checkpoint::advance(&mut transaction, owner, &moves).await? {
                transaction.rollback().await?;
                return Err(Failure::Fenced);
            }
            sink.write(&mut transaction, &batch.records).await?;
            if let Some(pause) = delay(Point::Written) {
                tokio::time::sleep(pause).await;
            }
            Ok(transaction.commit().await?)
        };
        let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        tokio::time::timeout(TRANSACTION, attempt)
            .await
            .map_err(late)??;
        self.partitions.advance(moves);
        self.meters.committed(batch.records.len(), begun);
        self.condition.set(Trouble::Writing, None);
        Ok(())
    }

    /// Follows a partition no further, loudly.
    fn stop(&mut self, key: &Key, stop: &Stop) {
        let why = error_chain(stop);
        let (topic, partition) = (&key.0, key.1);
        tracing::error!(
            view = self.follower.owner.view,
            topic,
            partition,
            reason = why,
            "partition is followed no further"
        );
        self.partitions.stop(key);
        self.meters.stopped(key, true);
        group::stop(&self.consumer, &mut self.condition, key, why);
    }

    /// Waits before the next try, longer each time. False if the process is to end.
    async fn wait_out(
        &mut self,
        error: &(dyn std::error::Error + 'static),
        wait: &mut Duration,
    ) -> bool {
        let reason = error_chain(error);
        tracing::warn!(
            view = self.follower.owner.view,
            reason,
            ?wait,
            "tries again"
        );
        self.meters.retried();
        self.pulse.beat();
        self.condition.set(Trouble::Writing, Some(reason));
        let ended = self.shutdown.cancelled();
        let go_on = tokio::time::timeout(*wait, ended).await.is_err();
        *wait = (*wait * 2).min(RETRY.1);
        go_on
    }

    /// Hands on what the client has measured since the last call; with it, what lies idle is passed.
    async fn measure(&mut self) {
        let troubles = (Trouble::Reading, Trouble::Brokers);
        let measured = group::measured(&self.consumer, &mut self.condition, troubles);
        let Some(unread) = measured else {
            return;
        };
        let now = now();
        for (key, applied) in self.partitions.iter() {
            if let Some(unread) = unread.get(&key) {
                self.meters.lag(&key, *unread, applied, now);
            }
        }
        self.pass_markers().await;
    }

    /// Moves checkpoints past the markers with which transactions end. They are no records, but a checkpoint that stays
    /// before one for as long as the topic is kept seems to have missed what was deleted. Whatever is in the way: the
    /// next turn tries again.
    async fn pass_markers(&mut self) {
        let moves = self.partitions.past(&group::positions(&self.consumer));
        if moves.is_empty() {
            return;
        }
        let owner = &self.follower.owner;
        let attempt = async {
            let mut transaction = self.pool.begin().await?;
            if !checkpoint::advance(&mut transaction, owner, &moves).await? {
                transaction.rollback().await?;
                return Ok(false);
            }
            transaction.commit().await.map(|()| true)
        };
        match tokio::time::timeout(TRANSACTION, attempt).await {
            Ok(Ok(true)) => self.partitions.advance(moves),
            Ok(Ok(false)) => self.fall_back(),
            Ok(Err(error)) => tracing::debug!(%error, "cannot pass markers for now"),
            Err(_) => tracing::debug!("cannot pass markers in time"),
        }
    }
}

/// Whether PostgreSQL says that the data cannot be stored: classes 22 (data exception), 23 (integrity) and 54 (a limit
/// of the program exceeded, such as the size of an index entry).
fn blames_data(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| {
        ["22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
