//! No 404 after a 202: what is not there yet is told from what was never accepted.
//!
//! On a miss the ends of the commands topics are captured, or the one place that the request's hint names, and the
//! answer waits, bounded, until this service's checkpoints have passed them. Any instance can do that: checkpoints
//! and rows are read from PostgreSQL, whoever wrote them.

use std::time::{Duration, Instant};

use factline_postgres::checkpoint::{self, Owner};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::ends::{self, Ends, Watermarks};
use crate::observation::Place;
use crate::store::{self, Found};

/// How often a waiting request looks by itself. Commits wake it long before, unless the listener has lost its
/// connection.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What is known in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is there.
    Found(Box<Found>),
    /// It was never accepted.
    NotThere,
    /// The time was up before either was certain.
    NotCertain,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The brokers did not say where topics end.
    #[error(transparent)]
    Ends(#[from] ends::Error),
}

/// Answers what the operation is, waiting if need be.
#[derive(Clone)]
pub struct Barrier {
    pool: PgPool,
    owner: Owner,
    watermarks: Watermarks,
    moved: watch::Receiver<u64>,
    bound: Duration,
}

impl Barrier {
    /// `moved` changes when a checkpoint of `owner` has moved; `bound` is how long a request waits at most.
    pub fn new(
        pool: PgPool,
        owner: Owner,
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

    /// Whether a hint names a partition of commands.
    pub fn knows(&self, hint: &Place) -> bool {
        self.watermarks.has(&hint.topic, hint.partition)
    }

    /// The operation; `hint` is where its command stands, if the request says so.
    pub async fn find(&self, id: Uuid, hint: Option<&Place>) -> Result<Answer, Error> {
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

    async fn wait(&self, id: Uuid, hint: Option<&Place>) -> Result<Answer, Error> {
        let mut ends = match hint {
            Some(place) => vec![(place.topic.clone(), place.partition, place.offset + 1)],
            None => self.watermarks.ends(self.bound).await?,
        };
        let mut moved = self.moved.clone();
        loop {
            moved.mark_unchanged();
            // First whether everything was seen, then the row: what was seen has its row.
            ends = self.still_ahead(ends).await?;
            if let Some(found) = store::find(&self.pool, id).await? {
                return Ok(Answer::Found(Box::new(found)));
            }
            if ends.is_empty() {
                return Ok(Answer::NotThere);
            }
            // Also without the listener, whose end closes the channel, a request must not spin.
            if let Ok(Err(_)) = timeout(LOOK_AGAIN, moved.changed()).await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// The ends that checkpoints have not reached.
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
