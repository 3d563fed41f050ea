//! Read-your-writes: snapshots of a view that contain a given position.
//!
//! A reader begins a transaction and reads the view's checkpoints in it. If they have passed the
//! position, the reader reads the rows in the same transaction. Both come from one snapshot, so the
//! rows are at least as new as the checkpoints.
//!
//! The reader also holds a lock of the checkpoints' name, so that a rebuild cannot exchange the
//! table between two of its statements.
//!
//! A read that has no position and is one statement needs neither:
//! [`ConsistentReads::one_statement`]. It costs one round trip instead of three.
//!
//! If the checkpoints have not passed the position, the reader waits, up to a limit. One task reads
//! the checkpoints for all readers of the view that wait, when the projection host notifies
//! [`crate::checkpoint::CHANNEL`], and wakes those whose position is reached. A woken reader begins
//! again with a snapshot. A reader that needs an event behind a halt does not wait.

mod reached;
mod snapshot;
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factline::{Point, Position};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgPool, Postgres};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::checkpoint;
use crate::waits::Waits;
use reached::{LookAtCheckpoints, Reached};
use state::State;

pub use snapshot::Snapshot;

/// Maximum number of readers that wait at the same time, if it is not set.
const MAX_WAITING: usize = 250;

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
        /// True if rows are filled beside those that readers see.
        is_rebuilding: bool,
    },
    /// The follower of the view has halted a partition before an event that the position needs.
    #[error("view has halted {topic}/{partition} before the record at offset {offset}")]
    Halted {
        /// Topic of the partition.
        topic: String,
        /// The partition.
        partition: i32,
        /// Offset of the record before which it is halted.
        offset: i64,
    },
    /// The view follows another topic with the same name. The position will never be reached, or
    /// was never of this topic.
    #[error("topic {topic} is not the one that the position was taken from")]
    OtherTopic {
        /// Name of the topic.
        topic: String,
    },
    /// As many other readers wait as are permitted.
    #[error("too many reads wait for their positions")]
    Busy,
}

/// Source of consistent read transactions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConsistentReads {
    pool: PgPool,
    views: Arc<Views>,
    patience: Duration,
    permits: Arc<Semaphore>,
}

/// The readers that wait, by the relation with the checkpoints of their view.
type Views = Mutex<BTreeMap<String, Waits<LookAtCheckpoints>>>;

impl ConsistentReads {
    /// Creates a source that reads from this pool and waits at most `patience` for a position. It
    /// listens to the host on one connection of the pool until `shutdown`. The isolation level of
    /// the pool's sessions must be `read committed`, see [`one_statement`](Self::one_statement).
    pub fn new(pool: PgPool, patience: Duration, shutdown: CancellationToken) -> Self {
        let views = Arc::new(Views::default());
        let (listened, waiting) = (pool.clone(), Arc::clone(&views));
        tokio::spawn(async move {
            let listening = checkpoint::listen(&listened, |view| {
                let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let concerned = waiting.iter().filter(|known| concerns(view, known.0));
                concerned.for_each(|(_, waits)| waits.changed());
            });
            shutdown.run_until_cancelled(listening).await
        });
        Self {
            pool,
            views,
            patience,
            permits: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// Sets the maximum number of readers that wait for a position at the same time. It is 250
    /// otherwise.
    #[must_use]
    pub fn max_waiting(self, most: usize) -> Self {
        let permits = Arc::new(Semaphore::new(most));
        Self { permits, ..self }
    }

    /// Begins a read-only transaction that sees one state of the database, in which the view has
    /// passed the position. `checkpoints` is the relation with the view's checkpoints; its name
    /// comes from code, never from input. Points of topics that the view does not follow are
    /// ignored. A view without checkpoints has passed no position. If the view has a stable name,
    /// a reader does not wait for events behind a halt.
    pub async fn begin(
        &self,
        checkpoints: &str,
        position: Option<&Position>,
    ) -> Result<Snapshot, Error> {
        let deadline = Instant::now() + self.patience;
        let mut permit = None;
        loop {
            let mut snapshot = self
                .pool
                .begin_with(AssertSqlSafe(begin(checkpoints)))
                .await?;
            let has_waited = permit.is_some();
            let Some(position) = position else {
                return Ok(Snapshot::new(snapshot, has_waited));
            };
            let reached = Reached::load(&mut *snapshot, checkpoints).await?;
            let Some(missing) = reached.missing(position)? else {
                return Ok(Snapshot::new(snapshot, has_waited));
            };
            let state = State::load(&mut *snapshot, checkpoints).await?;
            snapshot.rollback().await?;
            state.check(position)?;
            if Instant::now() >= deadline {
                return Err(behind(missing, &state));
            }
            if permit.is_none() {
                permit = Some(self.permits.try_acquire().map_err(|_| Error::Busy)?);
            }
            let waits = self.waits(checkpoints);
            // Woken or not: the next snapshot decides, because only it is what the reader reads.
            let _ = timeout_at(deadline, waits.answer(position.clone())).await;
        }
    }

    /// Returns a connection for a read that is one statement, and so one snapshot by itself.
    ///
    /// PostgreSQL takes the snapshot of such a statement after it has locked the tables that their
    /// names stand for: it cannot find a new table with a snapshot from before the swap. That holds
    /// for the isolation level `read committed`, which [`PostgresConfig::reader_pool`] sets.
    ///
    /// [`PostgresConfig::reader_pool`]: crate::PostgresConfig::reader_pool
    pub async fn one_statement(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// Returns the readers that wait for a view.
    fn waits(&self, checkpoints: &str) -> Waits<LookAtCheckpoints> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            Waits::new(LookAtCheckpoints {
                pool: self.pool.clone(),
                checkpoints: checkpoints.to_owned(),
            })
        };
        let waits = views.entry(checkpoints.to_owned()).or_insert_with(start);
        waits.clone()
    }
}

/// Returns the statements that begin a snapshot, sent at once.
///
/// The lock comes before the snapshot, which the first query takes. It conflicts only with a change
/// of the stable name, such as the swap after a rebuild. Without it, a reader whose snapshot is
/// older than the swap could find the new table by its name, and in it only the rows that were
/// there at the time of the snapshot.
fn begin(checkpoints: &str) -> String {
    format!(
        "begin isolation level repeatable read read only; \
         lock table {checkpoints} in access share mode"
    )
}

fn behind(missing: Point, state: &State) -> Error {
    Error::Behind {
        topic: missing.topic,
        partition: missing.partition,
        sequence: missing.sequence,
        is_rebuilding: state.is_rebuilding,
    }
}

/// Returns the view in the stable name of its checkpoints, see [`crate::ViewName::checkpoints`].
fn view_of(checkpoints: &str) -> Option<&str> {
    checkpoints
        .strip_prefix("read.")
        .and_then(|name| name.strip_suffix("_checkpoint"))
}

/// Returns whether a notification concerns the checkpoints in a relation: its follower is that
/// view, or it is unknown.
fn concerns(follower: Option<&str>, checkpoints: &str) -> bool {
    match (follower, view_of(checkpoints)) {
        (Some(follower), Some(view)) => follower.replace('-', "_") == view,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ViewName;

    #[test]
    fn notification_concerns_the_view_that_it_names() {
        let checkpoints = ViewName::new("customer-spending", 2).checkpoints();
        assert!(concerns(Some("customer-spending"), &checkpoints));
        assert!(!concerns(Some("orders"), &checkpoints));
        assert!(concerns(None, &checkpoints), "some may be lost");
        assert!(concerns(Some("orders"), "factline.checkpoint"));
    }
}
