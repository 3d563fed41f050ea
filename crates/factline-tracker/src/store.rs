//! Operations in PostgreSQL: one upsert for a batch, and one look-up of an operation with its
//! descendants.

use std::collections::BTreeMap;

use factline::Timestamp;
use factline_failpoints::{Mutant, sql};
use factline_postgres::FollowerId;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::fold::Folded;
use crate::observation::{RecordId, StatusUpdate};
use crate::{anomaly, transition};

/// The schema that this service owns.
pub const SCHEMA: &str = "operations";

/// The name in checkpoints, and the name of the consumer group after the topic prefix.
pub const FOLLOWER: &str = "operations-tracker";

/// Returns the id under which the tracker stores its checkpoints.
pub fn follower_id() -> FollowerId {
    FollowerId {
        schema: SCHEMA,
        view: FOLLOWER.to_owned(),
        version: 1,
    }
}

/// An operation, as its row shows it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Operation {
    /// Its id.
    pub id: Uuid,
    /// The origin: `command` or `deadline`.
    pub kind: String,
    /// The command's type, or the deadline's name.
    pub name: String,
    /// `pending`, `running`, or one of the terminal states.
    pub state: String,
    /// Type of the aggregate that the command is addressed to.
    pub aggregate: String,
    /// Id of that aggregate.
    pub resource_id: Option<String>,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// Explanation of the code for people.
    pub reason: Option<String>,
    /// The user who sent the command.
    pub user_id: String,
    /// The aggregate's version after the decision.
    pub version: Option<i64>,
    /// The position that a read has to wait for to see what the decision saw.
    pub position: Option<String>,
    /// The operation whose fact led to this one.
    pub parent: Option<Uuid>,
    /// The operation that began the workflow.
    pub root: Option<Uuid>,
    /// The operation that this one repeats.
    pub retry_of: Option<Uuid>,
    /// Time at which the edge accepted the command.
    pub created_at: Timestamp,
    /// Time at which the record of the current state was written.
    pub updated_at: Timestamp,
}

impl Operation {
    /// Returns whether the state is terminal.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state.as_str(), "pending" | "running")
    }
}

/// An operation, and the operations of the same root, all as they were at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The operation.
    pub operation: Operation,
    /// The operations that its root led to, oldest first, at most [`MAX_RELATED`]. An operation
    /// without a root is its own root.
    pub related: Vec<Operation>,
    /// Set if there were more.
    pub truncated: bool,
}

/// Maximum number of descendants of one root that are shown.
pub const MAX_RELATED: usize = 200;

/// Finds an operation and the operations of the same root. It is one statement, so that an ended
/// operation is never shown beside children that had not ended before it did.
pub async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Found>, sqlx::Error> {
    // One more row than is shown reveals that there are more. The operation itself may be among
    // them.
    let limit = i64::try_from(MAX_RELATED + 1).unwrap_or(i64::MAX);
    let mut rows: Vec<Operation> = sqlx::query_as(include_str!("find.sql"))
        .bind(id)
        .bind(limit)
        .fetch_all(pool)
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let operation = rows.remove(0);
    let truncated = rows.len() > MAX_RELATED;
    rows.truncate(MAX_RELATED);
    Ok(Some(Found {
        operation,
        related: rows,
        truncated,
    }))
}

/// Returns those of the operations that have a row.
pub async fn known(
    connection: &mut PgConnection,
    operations: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("select id from operations.operation where id = any($1)")
        .bind(operations)
        .fetch_all(connection)
        .await
}

/// Writes a folded batch.
pub async fn write(transaction: &mut PgConnection, batch: &Folded) -> Result<(), sqlx::Error> {
    let changed = upsert(transaction, batch).await?;
    let mut winners = BTreeMap::new();
    let mut lost: Vec<anomaly::Anomaly> = batch.anomalies.iter().map(Into::into).collect();
    for row in &changed {
        let change = transition::Change::from_row(row)?;
        if change.displaced() {
            lost.push(anomaly::Anomaly::from_row(row)?);
        }
        transition::count(&change);
        winners.insert(change.id, change.record_id);
    }
    // A terminal outcome that its row does not show has lost, or was written before.
    let unseen = batch.operations.values().filter(|update| {
        update.state.is_terminal() && winners.get(&update.id) != Some(&update.record_id)
    });
    lost.extend(unseen.map(Into::into));
    anomaly::keep(transaction, &lost).await
}

async fn upsert(
    transaction: &mut PgConnection,
    batch: &Folded,
) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    let upsert = sql(Mutant::NoAbsorption, include_str!("upsert.sql"));
    sqlx::query(AssertSqlSafe(upsert))
        .bind(column(batch, |said| said.id))
        .bind(column(batch, |said| said.state.as_str()))
        .bind(column(batch, StatusUpdate::rank))
        .bind(column(batch, |said| said.record_id.topic.as_str()))
        .bind(column(batch, |said| said.record_id.partition))
        .bind(column(batch, |said| said.record_id.offset))
        .bind(column(batch, |said| said.name.as_str()))
        .bind(column(batch, |said| said.aggregate.as_str()))
        .bind(column(batch, |said| said.resource_id.as_deref()))
        .bind(column(batch, |said| said.code.as_deref()))
        .bind(column(batch, |said| said.reason.as_deref()))
        .bind(column(batch, |said| said.user_id.as_str()))
        .bind(column(batch, |said| said.version))
        .bind(column(batch, |said| said.position.as_deref()))
        .bind(column(batch, |said| said.parent))
        .bind(column(batch, |said| said.root))
        .bind(column(batch, |said| said.retry_of))
        .bind(column(batch, |said| said.created_at))
        .bind(column(batch, |said| said.updated_at))
        .bind(column(batch, |said| said.kind))
        .fetch_all(transaction)
        .await
}

fn column<'a, T>(batch: &'a Folded, value: impl Fn(&'a StatusUpdate) -> T) -> Vec<T> {
    batch.operations.values().map(value).collect()
}

impl FromRow<'_, sqlx::postgres::PgRow> for transition::Change {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        let record_id = |topic: Option<String>, partition: Option<i32>, offset: Option<i64>| {
            Some(RecordId {
                topic: topic?,
                partition: partition?,
                offset: offset?,
            })
        };
        Ok(Self {
            id: row.try_get("id")?,
            state: row.try_get("state")?,
            record_id: RecordId {
                topic: row.try_get("topic")?,
                partition: row.try_get("partition")?,
                offset: row.try_get("offset")?,
            },
            old_state: row.try_get("old_state")?,
            old_record_id: record_id(
                row.try_get("old_topic")?,
                row.try_get("old_partition")?,
                row.try_get("old_offset")?,
            ),
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
