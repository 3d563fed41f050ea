//! Host of followers: reads topics and writes their contents into PostgreSQL, each record exactly
//! once.
//!
//! A follower is one thread and one group member. It has one transaction at a time over all its
//! partitions, with rows and checkpoints together. The [`Sink`] decides what the rows are.
//! Temporary failures, such as an unavailable database, broker or registry, are retried. A
//! permanent failure halts the partition that it concerns and no other. It is logged as an error,
//! reported by readiness, and recorded for readers. Of a record that cannot be written, the sink
//! says whether it halts its partition, parks its key or is skipped, see
//! [`crate::sink::PoisonPolicy`].

mod assignment;
mod checkpoints;
mod halts;
mod poison;
mod redrive;
mod stored;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use factline::Timestamp;
use factline::error_chain;
use factline_failpoints::{Point, delay};
use factline_kafka::{KafkaConfig, Record};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::PgPool;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use checkpoints::Checkpoints;
use halts::Unrecorded;
use stored::Stored;

use crate::batch::Batch;
use crate::checkpoint::{self, FollowerId};
use crate::follower_metrics::Meters;
use crate::parked;
use crate::partition::{Partitions, TopicKind};
use crate::readiness::{Readiness, Trouble};
use crate::sink::{Poison, Sink, SinkError};
use factline_kafka::consumer::group::{SHORT_SESSION, Settings, positions};
use factline_kafka::consumer::host::{ConsumerHost, Polled, Replace};
use factline_kafka::consumer::stuck_partitions::{Progress, StuckPartitions};
use factline_kafka::consumer::watchdog::{SILENCE, Watchdog};
use factline_kafka::retry::Backoff;

/// Maximum number of records in a batch. Beyond some thousands, a larger batch only makes the
/// transaction longer (`COPY` would be the next step).
const BATCH_RECORDS: usize = 5_000;
/// Maximum size of the values in a batch, in bytes, to bound the memory for large records.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Maximum duration of a transaction. A longer one hangs: its connection is dropped and the batch
/// is retried.
const TRANSACTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Pause before the client is replaced, and the longest pause between two retries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Follower and the topics that it reads.
#[derive(Debug, Clone)]
pub struct Follower {
    /// Identity of its checkpoints.
    pub owner: FollowerId,
    /// Consumer group. Instances share its partitions.
    pub group: String,
    /// Topics, with their prefix and kind.
    pub topics: Vec<(String, TopicKind)>,
}

/// Reason why a follower cannot start, or ended unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's configuration is invalid.
    #[error("cannot create a kafka consumer")]
    Consumer(#[from] KafkaError),
    /// The operating system cannot start a thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
    /// Another process runs with the same instance id.
    #[error(
        "another process follows {view} as instance {instance:?}: give each process a unique id"
    )]
    SlotTaken {
        /// Name of the follower.
        view: String,
        /// Instance id of both processes.
        instance: String,
    },
    /// The watchdog found that the client library makes no progress.
    #[error(
        "follower {view}: watchdog: the kafka client has not responded for {} s",
        SILENCE.as_secs()
    )]
    Silent {
        /// Name of the follower.
        view: String,
    },
    /// A defect of the host or the sink.
    #[error("follower {view} panicked")]
    Panicked {
        /// Name of the follower.
        view: String,
    },
}

impl Follower {
    /// Runs the follower until `shutdown`. Then the current batch is finished and the member leaves
    /// the group. `report` is called each time readiness changes. The loop runs in a separate
    /// thread, because librdkafka's calls block.
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
        let watchdog = Watchdog::default();
        let settings = Settings {
            kafka: kafka.clone(),
            group: self.group.clone(),
            topics: self.topics.iter().map(|(topic, _)| topic.clone()).collect(),
            session_timeout: SHORT_SESSION,
            name: view.clone(),
        };
        let checkpoints = Checkpoints {
            follower: self.clone(),
            kafka,
            pool: pool.clone(),
        };
        let host = Host {
            consumers: ConsumerHost::join(settings, checkpoints, &watchdog)?,
            watchdog: watchdog.clone(),
            stuck: StuckPartitions::default(),
            stored: Stored::default(),
            unrecorded: Unrecorded::default(),
            meters: Meters::new(&self.owner),
            readiness: Readiness::new(report, Trouble::Joining),
            partitions: Partitions::default(),
            looked: None,
            follower: self,
            pool,
            shutdown,
        };
        std::thread::Builder::new()
            .name(format!("follower {view}"))
            .spawn(move || {
                // The receiver is dropped only if the caller no longer awaits the result.
                let _ = ended.send(runtime.block_on(host.follow(sink)));
            })?;
        tokio::select! {
            end = end => end.unwrap_or(Err(Error::Panicked { view })),
            () = watchdog.stalled(SILENCE) => Err(Error::Silent { view }),
        }
    }
}

struct Host {
    consumers: ConsumerHost<Checkpoints>,
    stuck: StuckPartitions,
    stored: Stored,
    unrecorded: Unrecorded,
    watchdog: Watchdog,
    follower: Follower,
    pool: PgPool,
    partitions: Partitions,
    /// Time of the last look for redrives.
    looked: Option<Instant>,
    readiness: Readiness,
    meters: Meters,
    shutdown: CancellationToken,
}

/// Reason why a transaction was rolled back.
enum Failure {
    /// A checkpoint was not at its expected offset: another instance moved it.
    Fenced,
    Sink(SinkError),
}

impl<E: Into<SinkError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Sink(error.into())
    }
}

impl Host {
    /// Runs the loop. A crash between any two lines neither loses nor repeats a record: the next
    /// start reads the checkpoints.
    async fn follow<S: Sink>(mut self, mut sink: S) -> Result<(), Error> {
        while !self.shutdown.is_cancelled() {
            let polled = match self.poll(&sink) {
                Ok(polled) => polled,
                Err(reason) => {
                    self.rejoin(&reason).await?;
                    continue;
                }
            };
            if let Err(reason) = self.start_partitions() {
                self.rejoin(&reason).await?;
                continue;
            }
            let (batch, stops) = self.partitions.admit(polled);
            self.write(&mut sink, batch).await;
            for (key, stop) in stops {
                self.stop(&key, &stop);
            }
            self.record_halts().await;
            self.redrive(&mut sink).await;
            self.measure().await;
            self.check_stored();
        }
        Ok(())
    }

    /// Polls the records that have arrived, up to a limit. Returns them as soon as the sink does
    /// not want to wait for more records. Returns an empty list after a timeout. An error means
    /// that the consumer must be replaced.
    fn poll<S: Sink>(&mut self, sink: &S) -> Result<Vec<Record>, Replace> {
        let (mut polled, mut bytes, mut wait) = (Vec::new(), 0, self.consumers.idle_wait());
        let mut first = None;
        while polled.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let next = self.consumers.poll(wait)?;
            self.take_changes(&mut polled);
            match next {
                Polled::Nothing => {
                    let Some(first) = first else {
                        break;
                    };
                    // Of all records: a rebalance may have taken some of them out meanwhile.
                    wait = sink
                        .patience(&polled)
                        .saturating_sub(Instant::elapsed(&first));
                    if wait.is_zero() {
                        break;
                    }
                }
                Polled::Record(record) => {
                    bytes += record.size();
                    polled.push(record);
                    first.get_or_insert_with(Instant::now);
                    wait = Duration::ZERO;
                }
                Polled::Unavailable(error) => {
                    tracing::warn!(
                        view = self.follower.owner.view,
                        %error,
                        "cannot fetch records; retrying"
                    );
                    let missing = error.rdkafka_error_code()
                        == Some(RDKafkaErrorCode::UnknownTopicOrPartition);
                    let trouble = if missing {
                        Trouble::Topics
                    } else {
                        Trouble::Reading
                    };
                    self.readiness.set(trouble, Some(error.to_string()));
                }
            }
        }
        self.consumers
            .check_stalled(|| self.partitions.followed(&polled))?;
        Ok(polled)
    }

    /// Writes a batch and retries until it is committed. Returns early if another instance owns the
    /// partitions, or at shutdown.
    async fn write<S: Sink>(&mut self, sink: &mut S, batch: Batch) {
        let mut queue = VecDeque::from([batch]);
        let mut backoff = Backoff::new(Duration::from_millis(50), LONGEST_PAUSE);
        while let Some(mut batch) = queue.pop_front() {
            if batch.is_empty() {
                continue;
            }
            match self.transaction(sink, &batch).await {
                Ok(()) => backoff.reset(),
                Err(Failure::Fenced) => return self.reload_checkpoints(),
                Err(Failure::Sink(SinkError::Poison(poison))) => {
                    queue.push_front(batch);
                    self.set_aside(sink.poison(), poison, &mut queue);
                }
                Err(Failure::Sink(SinkError::Database(error))) if is_data_error(&error) => {
                    let rest = batch.split();
                    if rest.is_empty() {
                        let poison = Poison::new(&batch.records[0], error);
                        queue.push_front(batch);
                        self.set_aside(sink.poison(), poison, &mut queue);
                    } else {
                        queue.push_front(rest);
                        queue.push_front(batch);
                    }
                }
                Err(Failure::Sink(error)) => {
                    if self.wait_before_retry(&error, backoff.pause()).await {
                        queue.push_front(batch);
                    } else {
                        return;
                    }
                }
            }
        }
    }

    /// Writes a batch in one transaction. The checkpoints come first, so that a follower that lost
    /// a partition finds out before it writes a row.
    async fn transaction<S: Sink>(&mut self, sink: &mut S, batch: &Batch) -> Result<(), Failure> {
        self.watchdog.beat();
        let begun = Instant::now();
        let moves = self.partitions.moves(batch);
        let owner = &self.follower.owner;
        let attempt = async {
            let mut transaction = self.pool.begin().await?;
            if !checkpoint::advance(&mut transaction, owner, &moves).await? {
                transaction.rollback().await?;
                return Err(Failure::Fenced);
            }
            let applied = batch.applied();
            if !applied.is_empty() {
                sink.write(&mut transaction, &applied).await?;
            }
            parked::store(&mut transaction, owner, batch).await?;
            if let Some(pause) = delay(Point::Written) {
                tokio::time::sleep(pause).await;
            }
            Ok(transaction.commit().await?)
        };
        let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        tokio::time::timeout(TRANSACTION_TIMEOUT, attempt)
            .await
            .map_err(late)??;
        self.partitions.advance(moves);
        self.stored.moved();
        self.report_set_aside(batch);
        self.meters.committed(batch.records.len(), begun);
        self.readiness.set(Trouble::Writing, None);
        Ok(())
    }

    /// Waits before the next retry, twice as long each time. Returns `false` if the process must
    /// end.
    async fn wait_before_retry(
        &mut self,
        error: &(dyn std::error::Error + 'static),
        wait: Duration,
    ) -> bool {
        let reason = error_chain(error);
        tracing::warn!(
            view = self.follower.owner.view,
            reason,
            ?wait,
            "temporary failure; retrying"
        );
        self.meters.retried();
        self.watchdog.beat();
        self.readiness.set(Trouble::Writing, Some(reason));
        let ended = self.shutdown.cancelled();
        tokio::time::timeout(wait, ended).await.is_err()
    }

    /// Records the statistics that the client has collected since the last call, and moves the
    /// checkpoints of idle partitions past markers.
    async fn measure(&mut self) {
        let Some(measured) = self.consumers.take_statistics() else {
            return;
        };
        // What still cannot be read is reported again.
        self.readiness.set(Trouble::Reading, None);
        self.readiness
            .set(Trouble::Brokers, self.consumers.brokers_down());
        let now = now();
        for (key, applied) in self.partitions.iter() {
            if let Some(measured) = measured.get(&key) {
                self.meters.lag(&key, measured.unread, applied, now);
            }
        }
        let followed = self.partitions.followed(&[]).into_iter();
        let progress = followed.filter_map(|(key, next)| {
            let progress = Progress::of(next?, 0, *measured.get(&key)?);
            Some((key, progress))
        });
        let stuck = self.stuck.observe(Instant::now(), progress);
        self.readiness.set(Trouble::Stuck, stuck);
        self.meters.parked(self.partitions.parked(), now);
        self.pass_markers().await;
    }

    /// Moves checkpoints past the markers with which transactions end. A marker is not a record.
    /// But if a checkpoint stays before a marker that retention deletes, the follower seems to have
    /// missed deleted records. After a failure the next iteration retries.
    async fn pass_markers(&mut self) {
        let moves = self.partitions.past(&positions(self.consumers.consumer()));
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
        match tokio::time::timeout(TRANSACTION_TIMEOUT, attempt).await {
            Ok(Ok(true)) => {
                self.partitions.advance(moves);
                self.stored.moved();
            }
            Ok(Ok(false)) => self.reload_checkpoints(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot move checkpoints past markers; retrying");
            }
            Err(_) => tracing::debug!("timed out moving checkpoints past markers; retrying"),
        }
    }
}

/// Returns whether PostgreSQL rejects the data itself: SQLSTATE classes 22 (data exception), 23
/// (integrity) and 54 (a limit of the program exceeded, such as the size of an index entry).
fn is_data_error(error: &sqlx::Error) -> bool {
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
