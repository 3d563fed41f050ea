//! Reading what one has written: snapshots of a view that are known to hold a position.
//!
//! A reader begins a transaction, looks at the view's checkpoints in it and, if they have passed the position, reads the
//! rows in that same transaction: one snapshot, so the rows are at least as new as the checkpoints say. If they have not,
//! it waits for the projection host's word on [`crate::checkpoint::CHANNEL`] and looks again, up to a limit.

use std::time::Duration;

use factline::{Point, Position};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row as _, Transaction};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::checkpoint;

/// How long a waiting reader goes without looking, should a notification be lost with its connection.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("cannot begin to read")]
    Database(#[from] sqlx::Error),
    /// The view has not come so far in time.
    #[error("view has not applied {topic}/{partition} up to event {sequence} in time")]
    Behind {
        /// Topic of a point not reached.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The event to reach.
        sequence: u64,
    },
    /// The view follows another topic of the same name: the position will never be reached, or was never of this one.
    #[error("topic {topic} is not the one that the position was taken from")]
    OtherTopic {
        /// The topic.
        topic: String,
    },
}

/// Begins snapshots. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshots {
    pool: PgPool,
    moved: watch::Receiver<()>,
    patience: Duration,
}

impl Snapshots {
    /// Reads from this pool, and waits so long at most for a position. Listens to the host, on one connection of the pool,
    /// until `shutdown`.
    pub fn new(pool: PgPool, patience: Duration, shutdown: CancellationToken) -> Self {
        let (sender, moved) = watch::channel(());
        let listened = pool.clone();
        tokio::spawn(async move {
            // Whose they are does not matter: a reader that is woken looks.
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

    /// A read-only transaction that sees one state of the database, in which the view has passed the position.
    /// `checkpoints` is the relation with the view's checkpoints. Points of topics that the view does not follow do not
    /// count; a view that has no checkpoint yet has passed nothing.
    pub async fn begin(
        &self,
        checkpoints: &'static str,
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
            let look = deadline.min(Instant::now() + LOOK_AGAIN);
            // Woken or due, it looks again; with nobody left to wake it, it must not spin.
            if let Ok(Err(_)) = timeout_at(look, moved.changed()).await {
                sleep_until(look).await;
            }
        }
    }
}

/// The first point of the position that the view has not reached.
async fn missing(
    connection: &mut PgConnection,
    checkpoints: &'static str,
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
