//! Fills a copy from the topic: each partition is folded in memory, and its rows are inserted in
//! one transaction with its checkpoint. So a partition that has a checkpoint is done, and a rebuild
//! that was interrupted continues with the others.
//!
//! Rows that need more memory than there is are folded in several passes over the partition, each
//! for a part of the keys.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use factline::Timestamp;
use factline_kafka::tools::topic_reader::{Next, Reader};
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::watermarks::Extent;
use factline_kafka::{KafkaConfig, Record, Registry};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::batch::Batch;
use crate::checkpoint::{self, Checkpoint, Cursor, FollowerId};
use crate::parked;
use crate::parked_keys::Parked;
use crate::partition::{Partitions, TopicKind, sequence};
use crate::poison::set_aside;
use crate::sink::{Poison, PoisonPolicy, SinkError};

use super::Error;
use super::fold::{Fold, KeyRange};
use super::memory::Memory;
use super::progress::Progress;

/// Number of records that are applied at once.
const CHUNK: usize = 1_000;

/// Wait for a record before the worker looks whether it must stop.
const WAIT: Duration = Duration::from_millis(200);

/// The transaction reads a whole partition, so it is idle for longer than others may be.
const SET_NO_IDLE_TIMEOUT: &str = "set local idle_in_transaction_session_timeout = 0";

/// The work of a fill.
pub(crate) struct Fill {
    pub(crate) kafka: KafkaConfig,
    pub(crate) registry: Registry,
    pub(crate) pool: PgPool,
    /// Owner of the checkpoints; without one, no checkpoints and parked records are stored.
    pub(crate) owner: Option<FollowerId>,
    pub(crate) fold: fn(KeyRange) -> Box<dyn Fold>,
    pub(crate) policy: PoisonPolicy,
    /// Statement that inserts rows.
    pub(crate) statement: Arc<str>,
    pub(crate) memory: Memory,
    /// Maximum number of records per second of each worker.
    pub(crate) rate: Option<u32>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) shutdown: CancellationToken,
}

/// A partition to fill, from its beginning to an offset.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) key: TopicPartition,
    pub(crate) extent: Extent,
    /// Offset before which the fill ends.
    pub(crate) until: i64,
    /// Sequence of the last event.
    pub(crate) last: u64,
}

/// A partition that is filled.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) key: TopicPartition,
    pub(crate) cursor: Cursor,
    /// The records that were parked or skipped.
    pub(crate) aside: Batch,
}

/// A partition's records after one pass.
struct Pass {
    fold: Box<dyn Fold>,
    cursor: Cursor,
    /// The records that were parked or skipped.
    aside: Batch,
}

/// Reason why a pass ended early.
enum Interrupted {
    /// A record cannot be applied.
    Poison(Poison),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Fill {
    /// Fills these partitions with a number of workers, each on a thread.
    pub(crate) async fn run(
        self: Arc<Self>,
        parts: Vec<Part>,
        workers: usize,
    ) -> Result<Vec<Filled>, Error> {
        for part in &parts {
            self.progress.expect(length(part));
        }
        let workers = workers.min(parts.len());
        let queue = Arc::new(Mutex::new(VecDeque::from(parts)));
        let mut running = Vec::new();
        for _ in 0..workers {
            let (fill, queue) = (Arc::clone(&self), Arc::clone(&queue));
            let runtime = tokio::runtime::Handle::current();
            running.push(tokio::task::spawn_blocking(move || {
                runtime.block_on(fill.work(&queue))
            }));
        }
        let mut result = Ok(Vec::new());
        for worker in running {
            match (worker.await.unwrap_or(Err(Error::Panicked)), &mut result) {
                (Ok(filled), Ok(all)) => all.extend(filled),
                (Err(error), Ok(_)) => {
                    // The others end too: their partitions are folded again anyway.
                    self.shutdown.cancel();
                    result = Err(error);
                }
                (_, Err(_)) => {}
            }
        }
        result
    }

    async fn work(&self, queue: &Mutex<VecDeque<Part>>) -> Result<Vec<Filled>, Error> {
        let mut filled = Vec::new();
        loop {
            let next = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(part) = next else {
                return Ok(filled);
            };
            filled.push(self.fill(&part).await?);
        }
    }

    /// Fills a partition. A record that cannot be applied ends the attempt, because the rows that
    /// it was applied to are lost. The next attempt sets it aside.
    async fn fill(&self, part: &Part) -> Result<Filled, Error> {
        let mut known = BTreeMap::new();
        loop {
            match self.attempt(part, &known).await {
                Ok(filled) => return Ok(filled),
                Err(Interrupted::Failed(error)) => return Err(error),
                Err(Interrupted::Poison(poison)) => {
                    if poison.must_halt || self.policy == PoisonPolicy::Halt {
                        return Err(Error::Poison(poison));
                    }
                    self.progress.expect(length(part));
                    known.insert(poison.offset, poison.cause.to_string());
                }
            }
        }
    }

    async fn attempt(&self, part: &Part, known: &Causes) -> Result<Filled, Interrupted> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(SET_NO_IDLE_TIMEOUT)
            .execute(&mut *transaction)
            .await?;
        let mut ranges = vec![KeyRange::ALL];
        let mut first: Option<Filled> = None;
        let mut until = part.until;
        while let Some(range) = ranges.pop() {
            let part = Part {
                until,
                ..part.clone()
            };
            let done = self
                .pass(&mut transaction, &part, range, &mut ranges, known)
                .await?;
            done.fold.insert(&mut transaction, &self.statement).await?;
            // All passes end at the same record, and set the same ones aside.
            until = done.cursor.next_offset;
            first.get_or_insert(Filled {
                key: part.key.clone(),
                cursor: done.cursor,
                aside: done.aside,
            });
            if !ranges.is_empty() {
                self.progress.expect(length(&part));
            }
        }
        let filled = first.ok_or(Error::Panicked)?;
        if let Some(owner) = &self.owner {
            let checkpoint = Checkpoint {
                topic: part.key.0.clone(),
                partition: part.key.1,
                topic_identity: part.extent.identity.clone(),
                cursor: filled.cursor.clone(),
                redrives: 0,
            };
            checkpoint::begin(&mut transaction, owner, &checkpoint).await?;
            parked::store(&mut transaction, owner, &filled.aside).await?;
        }
        transaction.commit().await?;
        Ok(filled)
    }

    /// Folds the partition's events into the rows of a range. If there are too many, halves the
    /// range, and adds the other half to the list.
    async fn pass(
        &self,
        transaction: &mut PgConnection,
        part: &Part,
        range: KeyRange,
        ranges: &mut Vec<KeyRange>,
        known: &Causes,
    ) -> Result<Pass, Interrupted> {
        let mut range = range;
        let mut fold = (self.fold)(range);
        let start = Cursor {
            next_offset: 0,
            sequence: 0,
            event_time: None,
        };
        let mut partitions = Partitions::default();
        partitions.insert(
            &part.key,
            TopicKind::Events,
            start.clone(),
            Parked::default(),
            false,
        );
        let mut records = Records::open(&self.kafka, part)?;
        let mut aside = Batch::default();
        let begun = Instant::now();
        let mut read = 0;
        while let Some(chunk) = records.next_chunk()? {
            if self.shutdown.is_cancelled() {
                return Err(Error::Stopped.into());
            }
            self.progress.read(chunk.len() as u64);
            read += chunk.len() as u64;
            let (batch, stops) = partitions.admit(chunk);
            if let Some((_, stop)) = stops.into_iter().next() {
                return Err(Error::Partition(stop).into());
            }
            let batch = self.treat(&mut partitions, batch, known)?;
            let applied = fold.apply(&self.registry, &batch.applied()).await;
            applied.map_err(|error| match error {
                SinkError::Poison(poison) => Interrupted::Poison(poison),
                other => Interrupted::Failed(Error::Sink(other)),
            })?;
            partitions.advance(partitions.moves(&batch));
            for (record, step) in batch.set_aside() {
                aside.push(record.clone(), step.after.clone(), step.treatment.clone());
            }
            while self.memory.is_exceeded(fold.rows()) {
                let [half, other] = range.halves();
                if fold.narrow(half) {
                    range = half;
                    ranges.push(other);
                } else {
                    fold.insert(transaction, &self.statement).await?;
                    fold.clear();
                }
            }
            self.throttle(begun, read).await;
        }
        let cursor = partitions.iter().next().map(|(_, cursor)| cursor.clone());
        Ok(Pass {
            fold,
            cursor: cursor.unwrap_or(start),
            aside,
        })
    }

    /// Sets the records aside of which an earlier attempt has found that they cannot be applied.
    fn treat(
        &self,
        partitions: &mut Partitions,
        batch: Batch,
        known: &Causes,
    ) -> Result<Batch, Error> {
        let mut queue = VecDeque::from([batch]);
        for (offset, cause) in known {
            let Some(record) = queue[0]
                .records
                .iter()
                .find(|record| record.offset == *offset)
            else {
                continue;
            };
            let poison = Poison::new(record, cause.clone());
            let is_applied =
                queue[0].applied_at(&(record.topic.clone(), record.partition), *offset);
            if is_applied.is_none() {
                // It waits behind an earlier record of its key.
                continue;
            }
            let stop = set_aside(partitions, &mut queue, self.policy, poison, now());
            if let Some(stop) = stop {
                return Err(Error::Partition(stop));
            }
        }
        Ok(queue.pop_front().unwrap_or_default())
    }

    async fn throttle(&self, begun: Instant, read: u64) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs(read) / rate;
            let early = due.saturating_sub(begun.elapsed());
            let _ = tokio::time::timeout(early, self.shutdown.cancelled()).await;
        }
    }
}

/// Why records cannot be applied, by offset.
type Causes = BTreeMap<i64, String>;

/// The records of a part, in chunks.
struct Records {
    reader: Reader,
    until: i64,
    last: u64,
}

impl Records {
    fn open(kafka: &KafkaConfig, part: &Part) -> Result<Self, Error> {
        let (topic, partition) = &part.key;
        let offsets = part.extent.begins..part.until.min(part.extent.ends);
        Ok(Self {
            reader: Reader::of_partition(kafka, topic, *partition, offsets)?,
            until: part.until,
            last: part.last,
        })
    }

    /// Returns the next records; `None` at the end. Blocks for as long as records are missing, and
    /// for a moment at most if none has come.
    fn next_chunk(&mut self) -> Result<Option<Vec<Record>>, Error> {
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            match self.reader.next(WAIT)? {
                Next::Record(record) if self.includes(&record) => chunk.push(*record),
                Next::Record(_) | Next::End if chunk.is_empty() => return Ok(None),
                Next::Record(_) | Next::End | Next::Nothing => break,
            }
        }
        Ok(Some(chunk))
    }

    fn includes(&self, record: &Record) -> bool {
        record.offset < self.until
            && (self.last == u64::MAX || sequence(record).is_none_or(|found| found <= self.last))
    }
}

fn length(part: &Part) -> u64 {
    u64::try_from(part.until - part.extent.begins).unwrap_or_default()
}

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
