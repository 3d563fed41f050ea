//! The barrier before a 404: tells an operation that has no row yet from one that was never
//! accepted, so that no 404 follows a 202.
//!
//! If an operation has no row, the barrier records the end offsets of the commands topics, or only
//! the location in the request's hint. It then waits, for a limited time, until this service's
//! checkpoints have passed them. Any instance can do that, because checkpoints and rows are read
//! from PostgreSQL, whichever instance wrote them.
//!
//! A look-up ends as soon as its operation has a row, also while the end offsets are not known. So
//! a partition without a leader delays only requests for operations that are not there. All
//! look-ups that wait share the questions to the brokers ([`crate::captures`]) and to the database
//! ([`look`]).

mod look;

use std::sync::Arc;
use std::time::{Duration, Instant};

use factline_postgres::FollowerId;
use factline_postgres::waits::Waits;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::ends::{self, EndCaptures, Ends};
use crate::observation::RecordId;
use crate::store::{self, Found};
use look::{LookAtOperations, Seen, Wanted};

/// Pause between two questions to brokers that do not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The operation has a row.
    Found(Arc<Found>),
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
    topics: Arc<[(String, i32)]>,
    captures: EndCaptures,
    waits: Waits<LookAtOperations>,
    bound: Duration,
    permits: Arc<Semaphore>,
}

impl Barrier {
    /// Creates a barrier for these commands topics, each with its number of partitions, whose
    /// checkpoints are those of `owner`.
    pub fn new(
        pool: PgPool,
        owner: FollowerId,
        topics: Vec<(String, i32)>,
        captures: EndCaptures,
        limits: Limits,
    ) -> Self {
        let look = LookAtOperations {
            pool: pool.clone(),
            owner,
        };
        Self {
            pool,
            topics: topics.into(),
            captures,
            waits: Waits::new(look),
            bound: limits.bound,
            permits: Arc::new(Semaphore::new(limits.waiting)),
        }
    }

    /// Returns whether a hint names a partition of a commands topic.
    pub fn knows(&self, hint: &RecordId) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|(topic, count)| *topic == hint.topic && (0..*count).contains(&hint.partition))
    }

    /// Wakes the look-ups whose operations have been written or passed. To be called when a
    /// checkpoint has advanced, whichever instance advanced it.
    pub fn checkpoints_moved(&self) {
        self.waits.changed();
    }

    /// Finds an operation. `hint` is the location of its command, if the request contains one.
    pub async fn find(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        if let Some(found) = store::find(&self.pool, id).await? {
            return Ok(Answer::Found(Arc::new(found)));
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

    /// Returns whether the tracker has read all commands that were accepted until this call. Waits
    /// for it as long as a look-up.
    pub async fn has_caught_up(&self) -> bool {
        let read = timeout(self.bound, self.see(None, None, &mut None)).await;
        read == Ok(Seen::Passed)
    }

    async fn wait(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        // Why the end offsets are not known, if they never were.
        let mut fault = None;
        match (
            timeout(self.bound, self.see(Some(id), hint, &mut fault)).await,
            fault,
        ) {
            (Ok(Seen::Passed), _) => Ok(Answer::NotThere),
            (Ok(Seen::Written), _) => {
                let found = store::find(&self.pool, id).await?;
                Ok(found.map_or(Answer::NotCertain, |found| Answer::Found(Arc::new(found))))
            }
            (Err(_), Some(fault)) => Err(Error::Ends(fault)),
            (Err(_), None) => Ok(Answer::NotCertain),
        }
    }

    /// Waits until the operation has a row, or the checkpoints have passed everything that may be
    /// its command.
    async fn see(
        &self,
        id: Option<Uuid>,
        hint: Option<&RecordId>,
        fault: &mut Option<Arc<ends::Error>>,
    ) -> Seen {
        let wanted = |ends| self.waits.answer(Wanted { id, ends });
        let ends = if let Some(RecordId {
            topic,
            partition,
            offset,
        }) = hint
        {
            Arc::new(vec![(topic.clone(), *partition, offset + 1)])
        } else {
            tokio::select! {
                seen = wanted(None) => return seen,
                ends = self.ends(fault) => ends,
            }
        };
        wanted(Some(ends)).await
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
            sleep(RETRY_PAUSE).await;
        }
    }
}
