//! Read-your-writes: snapshots of a view that contain a given position.
//!
//! A reader begins a transaction and reads the view's checkpoints in it. If they have passed the
//! position, the reader reads the rows in the same transaction. Both come from one snapshot, so the
//! rows are at least as new as the checkpoints.
//!
//! If the checkpoints have not passed the position, the reader waits for a notification of the
//! projection host on [`crate::checkpoint::CHANNEL`] and checks again, up to a limit.

use std::time::Duration;

use factline::{Point, Position};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row as _, Transaction};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::checkpoint;

/// Interval between two checks of a waiting reader, in case a notification is lost with its
/// connection.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Reason why no snapshot could be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("cannot begin to read")]
    Database(#[from] sqlx::Error),
    /// The view did not catch up to the position in time.
    #[error("view has not applied {topic}/{partition} up to event {sequence} in time")]
    Behind {
        /// Topic of a point that the view has not reached.
        topic: String,
        /// Partition of that point.
        partition: i32,
        /// Partition sequence to reach.
        sequence: u64,
    },
    /// The view follows another topic with the same name. The position will never be reached, or
    /// was never of this topic.
    #[error("topic {topic} is not the one that the position was taken from")]
    OtherTopic {
        /// Name of the topic.
        topic: String,
    },
}

/// Source of consistent read transactions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConsistentReads {
    pool: PgPool,
    moved: watch::Receiver<()>,
    patience: Duration,
}

impl ConsistentReads {
    /// Creates a source that reads from this pool and waits at most `patience` for a position. It
    /// listens to the host on one connection of the pool until `shutdown`.
    pub fn new(pool: PgPool, patience: Duration, shutdown: CancellationToken) -> Self {
        let (sender, moved) = watch::channel(());
        let listened = pool.clone();
        tokio::spawn(async move {
            // The follower's name does not matter: a woken reader checks its checkpoints.
            let listening = checkpoint::listen(&listened, |_| {
                sender.send_replace(());
            });
            shutdown.run_until_cancelled(listening).await
        });
        Self {
            pool,
            moved,
            patience,
        }
    }

    /// Begins a read-only transaction that sees one state of the database, in which the view has
    /// passed the position. `checkpoints` is the relation with the view's checkpoints; its name
    /// comes from code, never from input. Points of topics that the view does not follow are
    /// ignored. A view without checkpoints has passed no position.
    pub async fn begin(
        &self,
        checkpoints: &str,
        position: Option<&Position>,
    ) -> Result<Transaction<'static, Postgres>, Error> {
        let deadline = Instant::now() + self.patience;
        let mut moved = self.moved.clone();
        loop {
            moved.mark_unchanged();
            let mut snapshot = self
                .pool
                .begin_with("begin isolation level repeatable read read only")
                .await?;
            let Some(position) = position else {
                return Ok(snapshot);
            };
            let Some(missing) = missing(&mut snapshot, checkpoints, position).await? else {
                return Ok(snapshot);
            };
            snapshot.rollback().await?;
            if Instant::now() >= deadline {
                return Err(Error::Behind {
                    topic: missing.topic,
                    partition: missing.partition,
                    sequence: missing.sequence,
                });
            }
            let look = deadline.min(Instant::now() + CHECK_INTERVAL);
            // Checks again after a notification or the interval. If the listener has ended, the
            // channel is closed, and the loop must not spin.
            if let Ok(Err(_)) = timeout_at(look, moved.changed()).await {
                sleep_until(look).await;
            }
        }
    }
}

/// Returns the first point of the position that the view has not reached.
async fn missing(
    connection: &mut PgConnection,
    checkpoints: &str,
    position: &Position,
) -> Result<Option<Point>, Error> {
    let query = format!("select topic, partition, topic_identity, sequence from {checkpoints}");
    let rows = sqlx::query(AssertSqlSafe(query))
        .fetch_all(connection)
        .await?;
    let mut reached = Vec::with_capacity(rows.len());
    for row in &rows {
        reached.push(Point {
            topic: row.try_get(0)?,
            partition: row.try_get(1)?,
            identity: row.try_get(2)?,
            sequence: row.try_get::<i64, _>(3)?.cast_unsigned(),
        });
    }
    for point in position.points() {
        let mut same_topic = reached
            .iter()
            .filter(|known| known.topic == point.topic)
            .peekable();
        if same_topic.peek().is_none() && !reached.is_empty() {
            continue;
        }
        let mut passed = false;
        for known in same_topic {
            if known.identity != point.identity {
                let topic = point.topic.clone();
                return Err(Error::OtherTopic { topic });
            }
            passed |= known.partition == point.partition && known.sequence >= point.sequence;
        }
        if !passed {
            return Ok(Some(point.clone()));
        }
    }
    Ok(None)
}
