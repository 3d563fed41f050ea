//! The feed: every change of an operation's state, numbered in the order in which it became
//! visible.
//!
//! A reader that has seen all changes up to a number misses none if it goes on from there, on any
//! instance and after any restart. Numbers are given out under a lock that is held until the
//! commit. Without it, a lower number could become visible after a higher one that a reader has
//! passed.
//!
//! The feed is not the history of an operation, which its row keeps. It has the ranks before and
//! after a change. The states in between follow from the row. It is deleted after a day: see
//! [`retention`](crate::retention).

use factline::Timestamp;
use factline_failpoints::{Mutant, sql};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::history::{self, Transition};
use crate::store::Operation;

/// Number of the advisory lock under which numbers are given out.
const LOCK: i64 = 8_263_514_972;

/// Maximum number of changes that one statement reads.
pub(crate) const PAGE: usize = 500;

/// The rank before a row exists.
pub(crate) const NO_RANK: i16 = -1;

/// A change that is to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) operation_id: Uuid,
    pub(crate) from_rank: i16,
    pub(crate) to_rank: i16,
}

/// A change of an operation's state.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Change {
    /// Its number.
    pub(crate) number: i64,
    /// The rank before it; [`NO_RANK`] if the row is new.
    pub(crate) from_rank: i16,
    /// The rank after it.
    pub(crate) to_rank: i16,
    /// The operation, which may have changed once more since.
    #[sqlx(flatten)]
    pub(crate) operation: Operation,
}

impl Change {
    /// Returns the transitions that the change consists of, in their order.
    pub(crate) fn transitions(&self) -> impl Iterator<Item = Transition<'_>> {
        let reached = history::of(&self.operation).into_iter();
        reached.filter(|reached| reached.rank > self.from_rank && reached.rank <= self.to_rank)
    }
}

/// Adds changes. To be called last in a transaction.
pub(crate) async fn add(
    transaction: &mut PgConnection,
    changes: &[Entry],
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let column = |value: fn(&Entry) -> i16| changes.iter().map(value).collect::<Vec<_>>();
    let operations: Vec<Uuid> = changes.iter().map(|entry| entry.operation_id).collect();
    let add = sql(Mutant::UnorderedFeed, include_str!("feed.sql"));
    sqlx::query(AssertSqlSafe(add))
        .bind(LOCK)
        .bind(operations)
        .bind(column(|entry| entry.from_rank))
        .bind(column(|entry| entry.to_rank))
        .execute(transaction)
        .await?;
    Ok(())
}

/// The numbers that the feed has: those after `before`, up to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub(crate) struct Range {
    /// The number before the first one that was not deleted.
    pub(crate) before: i64,
    /// The last number that was given out and is visible.
    pub(crate) last: i64,
}

/// Returns the numbers that the feed has.
pub(crate) async fn range(connection: &mut PgConnection) -> Result<Range, sqlx::Error> {
    // Before the first change there is none. After that there is always one: see `retention`.
    sqlx::query_as(
        "select coalesce(min(number) - 1, 0) as before, coalesce(max(number), 0) as last \
         from operations.feed",
    )
    .fetch_one(connection)
    .await
}

/// Returns the changes after a number, in their order, at most [`PAGE`].
pub(crate) async fn after(
    connection: &mut PgConnection,
    number: i64,
) -> Result<Vec<Change>, sqlx::Error> {
    sqlx::query_as(include_str!("feed_after.sql"))
        .bind(number)
        .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
}

/// Number of changes that one statement deletes.
const TRIMMED: i64 = 5_000;

/// Deletes the changes from before a time, except the newest one.
pub(crate) async fn trim(pool: &PgPool, before: Timestamp) -> Result<(), sqlx::Error> {
    loop {
        let trimmed = sqlx::query(include_str!("feed_trim.sql"))
            .bind(before)
            .bind(TRIMMED)
            .execute(pool)
            .await?;
        if trimmed.rows_affected() < TRIMMED.unsigned_abs() {
            return Ok(());
        }
    }
}
