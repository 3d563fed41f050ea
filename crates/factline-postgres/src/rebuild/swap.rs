//! The moment at which readers see other rows.
//!
//! The swap is one transaction. It locks the checkpoints of the rows that readers see, so that
//! nothing is written there any more, and waits until the new rows have applied at least the same
//! events. Then it gives the new table, with its checkpoints and parked keys, the names of the one
//! before. A follower that wrote the old table finds other checkpoints, and continues from those.
//!
//! A reader begins with a lock on the stable name of the checkpoints, which conflicts with the swap
//! (see [`crate::consistent_read`]). So all statements of a reader see the same table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use factline_kafka::topics::TopicPartition;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio::time::Instant;

use crate::checkpoint::{self, FollowerId};
use crate::view::stable_names;
use crate::view::{TableCopy, ViewName};

use super::tables::TAKEN;

/// Maximum time that the checkpoints stay locked while the new rows catch up.
const PATIENCE: Duration = Duration::from_millis(500);
/// Pause between two looks at the checkpoints of the new rows.
const PAUSE: Duration = Duration::from_millis(2);
/// Maximum wait for the readers of a stable name. It is shorter than the time after which
/// PostgreSQL looks for deadlocks, so the swap gives way, and never a reader. While the swap waits,
/// new readers wait too.
const SET_LOCK_TIMEOUT: &str = "set local lock_timeout = '200ms'";

/// Partitions whose events readers see although the log does not have them any more, because it was
/// restored or the topic was recreated. No rows can catch up with those.
pub(crate) type Lost = BTreeSet<TopicPartition>;

/// Result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// Readers see the new rows.
    Done,
    /// The new rows have not caught up in time.
    Behind,
    /// Readers or followers use the names or rows for too long.
    InUse,
}

/// Shows the copy to readers in place of the present rows, which become the old ones.
pub(crate) async fn swap(
    pool: &PgPool,
    view: ViewName,
    lost: &Lost,
) -> Result<Swapped, sqlx::Error> {
    in_transaction(pool, async |transaction| {
        let shown = shown(transaction, view).await?;
        let next = view.copy_owner(TableCopy::Next);
        if !caught_up(pool, transaction, &shown.owner(), &next, lost).await? {
            return Ok(Swapped::Behind);
        }
        take_place(transaction, view).await?;
        stable_names::point_to(transaction, view).await?;
        Ok(Swapped::Done)
    })
    .await
}

/// Shows this version to readers in place of the present one, if it has applied the same events.
pub(crate) async fn show(pool: &PgPool, view: ViewName) -> Result<Swapped, sqlx::Error> {
    in_transaction(pool, async |transaction| {
        let shown = shown(transaction, view).await?;
        if shown.version != view.version
            && !caught_up(
                pool,
                transaction,
                &shown.owner(),
                &view.owner(),
                &Lost::new(),
            )
            .await?
        {
            return Ok(Swapped::Behind);
        }
        stable_names::point_to(transaction, view).await?;
        Ok(Swapped::Done)
    })
    .await
}

/// Returns whether a follower has applied everything that another one has, without waiting. Events
/// that the log has lost do not count.
pub(crate) async fn is_level(
    connection: &mut PgConnection,
    of: &FollowerId,
    with: &FollowerId,
    lost: &Lost,
) -> Result<bool, sqlx::Error> {
    let reached = checkpoint::load(&mut *connection, of).await?;
    let wanted = checkpoint::load(connection, with).await?;
    let reached: BTreeMap<_, _> = reached
        .into_iter()
        .map(|known| ((known.topic, known.partition), known.cursor.next_offset))
        .collect();
    Ok(wanted.into_iter().all(|wanted| {
        let key = (wanted.topic, wanted.partition);
        let next = reached.get(&key);
        lost.contains(&key) || next.is_some_and(|next| *next >= wanted.cursor.next_offset)
    }))
}

/// Makes the copy of the last rebuild the one that is shown next. Returns whether there is one.
pub(crate) async fn take_back(pool: &PgPool, view: ViewName) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let (old, next) = (TableCopy::Old, TableCopy::Next);
    let moved = rename_schema(
        &mut transaction,
        &view.copy_schema(old),
        &view.copy_schema(next),
    )
    .await?;
    if moved {
        move_checkpoints(
            &mut transaction,
            &view.copy_owner(old),
            &view.copy_owner(next),
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(moved)
}

async fn in_transaction(
    pool: &PgPool,
    swap: impl AsyncFnOnce(&mut PgConnection) -> Result<Swapped, sqlx::Error>,
) -> Result<Swapped, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let swapped = async {
        sqlx::query(SET_LOCK_TIMEOUT)
            .execute(&mut *transaction)
            .await?;
        stable_names::lock(&mut transaction).await?;
        swap(&mut transaction).await
    };
    match swapped.await {
        Ok(Swapped::Done) => transaction.commit().await.map(|()| Swapped::Done),
        Ok(other) => transaction.rollback().await.map(|()| other),
        Err(error) if is_lock_timeout(&error) => {
            transaction.rollback().await.map(|()| Swapped::InUse)
        }
        Err(error) => Err(error),
    }
}

/// Returns the version that readers see; the view itself if there is none.
pub(crate) async fn shown(
    connection: &mut PgConnection,
    view: ViewName,
) -> Result<ViewName, sqlx::Error> {
    let version = stable_names::shown(connection, view).await?;
    Ok(ViewName {
        version: version.unwrap_or(view.version),
        ..view
    })
}

/// Stops those who write the present rows, until the transaction ends. Returns whether the new ones
/// have applied the same events, after waiting for a moment.
async fn caught_up(
    pool: &PgPool,
    transaction: &mut PgConnection,
    present: &FollowerId,
    new: &FollowerId,
    lost: &Lost,
) -> Result<bool, sqlx::Error> {
    lock_checkpoints(transaction, present).await?;
    let deadline = Instant::now() + PATIENCE;
    // On another connection: the follower of the new rows must be able to move its checkpoints.
    let mut other = pool.acquire().await?;
    while !is_level(&mut other, new, present, lost).await? {
        if Instant::now() > deadline {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    lock_checkpoints(transaction, new).await?;
    Ok(true)
}

async fn lock_checkpoints(
    connection: &mut PgConnection,
    owner: &FollowerId,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "select from {}.checkpoint where view = $1 and version = $2 \
         order by topic, partition for update",
        owner.schema
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the copy the names of the present table and checkpoints.
async fn take_place(connection: &mut PgConnection, view: ViewName) -> Result<(), sqlx::Error> {
    let (next, old) = (TableCopy::Next, TableCopy::Old);
    let redrives = redrives(connection, &view.owner()).await?;
    rename_schema(connection, &view.schema(), &view.copy_schema(old)).await?;
    move_checkpoints(connection, &view.owner(), &view.copy_owner(old)).await?;
    rename_schema(connection, &view.copy_schema(next), &view.schema()).await?;
    let taken = format!("drop table if exists {}.{TAKEN}", view.schema());
    sqlx::raw_sql(AssertSqlSafe(taken))
        .execute(&mut *connection)
        .await?;
    move_checkpoints(connection, &view.copy_owner(next), &view.owner()).await?;
    // A follower with the same offsets would not notice otherwise that other keys are parked.
    let owner = view.owner();
    let sql = format!(
        "update {}.checkpoint set redrives = $3 where view = $1 and version = $2",
        owner.schema
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(redrives + 1)
        .execute(&mut *connection)
        .await?;
    // Readers that wait for the view must look again.
    sqlx::query("select pg_notify($1, $2)")
        .bind(checkpoint::CHANNEL)
        .bind(&owner.view)
        .execute(connection)
        .await?;
    Ok(())
}

async fn redrives(connection: &mut PgConnection, owner: &FollowerId) -> Result<i64, sqlx::Error> {
    let sql = format!(
        "select coalesce(max(redrives), 0) from {}.checkpoint where view = $1 and version = $2",
        owner.schema
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .fetch_one(connection)
        .await
}

/// Renames a schema, if it exists. Returns whether it does.
async fn rename_schema(
    connection: &mut PgConnection,
    from: &str,
    to: &str,
) -> Result<bool, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
        .bind(from)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        let rename = format!("alter schema {from} rename to {to}");
        sqlx::raw_sql(AssertSqlSafe(rename))
            .execute(connection)
            .await?;
    }
    Ok(exists)
}

/// Gives checkpoints, parked records and halts another owner.
async fn move_checkpoints(
    connection: &mut PgConnection,
    from: &FollowerId,
    to: &FollowerId,
) -> Result<(), sqlx::Error> {
    let schema = from.schema;
    let tables = [
        (
            "checkpoint",
            "topic, partition, topic_identity, next_offset, sequence, event_time, redrives",
        ),
        (
            "parked_key",
            "topic, partition, key, record_offset, sequence, event_time, cause, records, parked_at",
        ),
        (
            "parked_record",
            "topic, partition, key, record_offset, sequence, event_time, header_names, \
             header_values, value",
        ),
        (
            "halted_partition",
            "topic, partition, record_offset, sequence, fault, reason, since",
        ),
    ];
    for (table, columns) in tables {
        let copy = format!(
            "insert into {schema}.{table} (view, version, {columns}) \
             select $3, $4, {columns} from {schema}.{table} where view = $1 and version = $2"
        );
        sqlx::query(AssertSqlSafe(copy))
            .bind(&from.view)
            .bind(from.version)
            .bind(&to.view)
            .bind(to.version)
            .execute(&mut *connection)
            .await?;
    }
    // What is parked or halted is deleted with the checkpoints.
    let delete = format!("delete from {schema}.checkpoint where view = $1 and version = $2");
    sqlx::query(AssertSqlSafe(delete))
        .bind(&from.view)
        .bind(from.version)
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns whether a lock was not granted in time: SQLSTATE 55P03.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "55P03")
}
