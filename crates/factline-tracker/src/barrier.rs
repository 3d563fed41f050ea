//! The barrier before a 404: tells an operation that has no row yet from one that was never
//! accepted, so that no 404 follows a 202.
//!
//! If an operation has no row, the barrier records the end offsets of the commands topics, or only
//! the location in the request's hint. It then waits, for a limited time, until this service's
//! checkpoints have passed them. Any instance can do that, because checkpoints and rows are read
//! from PostgreSQL, whichever instance wrote them.
//!
//! A look-up ends as soon as its operation has a row, also while the end offsets are not known. So
//! a partition without a leader delays only requests for operations that are not there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factline_postgres::checkpoint::{self, FollowerId};
use sqlx::PgPool;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::ends::{self, EndCaptures, Ends};
use crate::observation::RecordId;
use crate::store::{self, Found};

/// Interval at which a waiting request polls. Commits wake it much earlier, unless the listener has
/// lost its connection.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The operation has a row.
    Found(Box<Found>),
    /// The operation was never accepted.
    NotThere,
    /// The wait timed out before either was certain.
    NotCertain,
    /// As many other look-ups wait as are permitted.
    Busy,
}

/// A failed look-up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The brokers did not return the end offsets.
    #[error(transparent)]
    Ends(Arc<ends::Error>),
}

/// Limits of the look-ups of operations that have no row yet.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum time that a look-up waits.
    pub bound: Duration,
    /// Maximum number of look-ups that wait at the same time.
    pub waiting: usize,
}

/// Finds operations, and waits if an operation has no row yet.
#[derive(Clone)]
pub struct Barrier {
    pool: PgPool,
    owner: FollowerId,
    topics: Arc<[(String, i32)]>,
    captures: EndCaptures,
    moved: watch::Receiver<u64>,
    bound: Duration,
    permits: Arc<Semaphore>,
}

impl Barrier {
    /// Creates a barrier for these commands topics, each with its number of partitions. `moved`
    /// changes when a checkpoint of `owner` has advanced.
    pub fn new(
        pool: PgPool,
        owner: FollowerId,
        topics: Vec<(String, i32)>,
        captures: EndCaptures,
        moved: watch::Receiver<u64>,
        limits: Limits,
    ) -> Self {
        Self {
            pool,
            owner,
            topics: topics.into(),
            captures,
            moved,
            bound: limits.bound,
            permits: Arc::new(Semaphore::new(limits.waiting)),
        }
    }

    /// Returns whether a hint names a partition of a commands topic.
    pub fn knows(&self, hint: &RecordId) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|(topic, count)| *topic == hint.topic && (0..*count).contains(&hint.partition))
    }

    /// Finds an operation. `hint` is the location of its command, if the request contains one.
    pub async fn find(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        if let Some(found) = store::find(&self.pool, id).await? {
            return Ok(Answer::Found(Box::new(found)));
        }
        let started = Instant::now();
        let answer = match self.permits.try_acquire() {
            Ok(_permit) => self.wait(id, hint).await,
            Err(_) => Ok(Answer::Busy),
        };
        let result = match &answer {
            Ok(Answer::Found(_)) => "found",
            Ok(Answer::NotThere) => "not_there",
            Ok(Answer::NotCertain) => "not_certain",
            Ok(Answer::Busy) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("factline_barriers_total", "result" => result).increment(1);
        metrics::histogram!("factline_barrier_seconds").record(started.elapsed().as_secs_f64());
        answer
    }

    async fn wait(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        // Why the end offsets are not known, if they never were.
        let mut fault = None;
        let answer = timeout(self.bound, async {
            tokio::select! {
                found = self.written(id) => Ok(Answer::Found(Box::new(found?))),
                passed = self.passed(hint, &mut fault) => {
                    passed?;
                    // Found after the checkpoints: a record that they have passed has its row.
                    let found = store::find(&self.pool, id).await?;
                    Ok(found.map_or(Answer::NotThere, |found| Answer::Found(Box::new(found))))
                }
            }
        });
        match (answer.await, fault) {
            (Ok(answer), _) => answer,
            (Err(_), Some(fault)) => Err(Error::Ends(fault)),
            (Err(_), None) => Ok(Answer::NotCertain),
        }
    }

    /// Waits until the operation has a row.
    async fn written(&self, id: Uuid) -> Result<Found, sqlx::Error> {
        let mut moved = self.moved.clone();
        loop {
            wake(&mut moved).await;
            if let Some(found) = store::find(&self.pool, id).await? {
                return Ok(found);
            }
        }
    }

    /// Waits until the checkpoints have passed the hint, or all end offsets.
    async fn passed(
        &self,
        hint: Option<&RecordId>,
        fault: &mut Option<Arc<ends::Error>>,
    ) -> Result<(), sqlx::Error> {
        let mut ends = match hint {
            Some(record_id) => vec![(
                record_id.topic.clone(),
                record_id.partition,
                record_id.offset + 1,
            )],
            None => Ends::clone(&*self.ends(fault).await),
        };
        let mut moved = self.moved.clone();
        loop {
            moved.mark_unchanged();
            ends = self.still_ahead(ends).await?;
            if ends.is_empty() {
                return Ok(());
            }
            wake(&mut moved).await;
        }
    }

    /// Returns end offsets that were read after this call, however long the brokers take.
    async fn ends(&self, fault: &mut Option<Arc<ends::Error>>) -> Arc<Ends> {
        loop {
            match self.captures.next().await {
                Some(Ok(ends)) => {
                    *fault = None;
                    return ends;
                }
                Some(Err(error)) => *fault = Some(error),
                None => {}
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the end offsets that the checkpoints have not reached.
    async fn still_ahead(&self, mut ends: Ends) -> Result<Ends, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let reached = checkpoint::load(&mut connection, &self.owner).await?;
        ends.retain(|(topic, partition, end)| {
            let known = reached
                .iter()
                .find(|known| known.topic == *topic && known.partition == *partition);
            known.map_or(0, |known| known.cursor.next_offset) < *end
        });
        Ok(ends)
    }
}

/// Waits until checkpoints have moved, for at most the interval of a poll.
async fn wake(moved: &mut watch::Receiver<u64>) {
    // If the listener has ended, which closes the channel, the look-up must not spin.
    if let Ok(Err(_)) = timeout(POLL_INTERVAL, moved.changed()).await {
        sleep(POLL_INTERVAL).await;
    }
}
