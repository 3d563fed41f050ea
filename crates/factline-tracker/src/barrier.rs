//! The barrier before a 404: tells an operation that has no row yet from one that was never
//! accepted, so that no 404 follows a 202.
//!
//! If an operation has no row, the barrier records the end offsets of the commands topics, or only
//! the location in the request's hint. It then waits, for a limited time, until this service's
//! checkpoints have passed them. Any instance can do that, because checkpoints and rows are read
//! from PostgreSQL, whichever instance wrote them.

use std::time::{Duration, Instant};

use factline_postgres::checkpoint::{self, FollowerId};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::ends::{self, Ends, Watermarks};
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
}

/// A failed look-up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The brokers did not return the end offsets.
    #[error(transparent)]
    Ends(#[from] ends::Error),
}

/// Finds operations, and waits if an operation has no row yet.
#[derive(Clone)]
pub struct Barrier {
    pool: PgPool,
    owner: FollowerId,
    watermarks: Watermarks,
    moved: watch::Receiver<u64>,
    bound: Duration,
}

impl Barrier {
    /// Creates a barrier. `moved` changes when a checkpoint of `owner` has advanced. A request
    /// waits for at most `bound`.
    pub fn new(
        pool: PgPool,
        owner: FollowerId,
        watermarks: Watermarks,
        moved: watch::Receiver<u64>,
        bound: Duration,
    ) -> Self {
        Self {
            pool,
            owner,
            watermarks,
            moved,
            bound,
        }
    }

    /// Returns whether a hint names a partition of a commands topic.
    pub fn knows(&self, hint: &RecordId) -> bool {
        self.watermarks.has(&hint.topic, hint.partition)
    }

    /// Finds an operation. `hint` is the location of its command, if the request contains one.
    pub async fn find(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        if let Some(found) = store::find(&self.pool, id).await? {
            return Ok(Answer::Found(Box::new(found)));
        }
        let started = Instant::now();
        let waited = timeout(self.bound, self.wait(id, hint)).await;
        let answer = waited.unwrap_or(Ok(Answer::NotCertain));
        let result = match &answer {
            Ok(Answer::Found(_)) => "found",
            Ok(Answer::NotThere) => "not_there",
            Ok(Answer::NotCertain) => "not_certain",
            Err(_) => "failed",
        };
        metrics::counter!("factline_barriers_total", "result" => result).increment(1);
        metrics::histogram!("factline_barrier_seconds").record(started.elapsed().as_secs_f64());
        answer
    }

    async fn wait(&self, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
        let mut ends = match hint {
            Some(record_id) => vec![(
                record_id.topic.clone(),
                record_id.partition,
                record_id.offset + 1,
            )],
            None => self.watermarks.ends(self.bound).await?,
        };
        let mut moved = self.moved.clone();
        loop {
            moved.mark_unchanged();
            // Checks the checkpoints before the row: a record that the checkpoints have passed has
            // its row.
            ends = self.still_ahead(ends).await?;
            if let Some(found) = store::find(&self.pool, id).await? {
                return Ok(Answer::Found(Box::new(found)));
            }
            if ends.is_empty() {
                return Ok(Answer::NotThere);
            }
            // If the listener has ended, which closes the channel, the request must not spin.
            if let Ok(Err(_)) = timeout(POLL_INTERVAL, moved.changed()).await {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            // Woken, as a rule, by the transaction that has written the row: one query answers.
            if let Some(found) = store::find(&self.pool, id).await? {
                return Ok(Answer::Found(Box::new(found)));
            }
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
