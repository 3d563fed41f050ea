//! Operations in PostgreSQL, and the look-up of an operation with its descendants. `batch` writes
//! them.

use factline::Timestamp;
use factline_postgres::FollowerId;
use sqlx::{FromRow, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::observation::{RecordId, Step};

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
    /// Rank of the state: 0 pending, 1 running, 2 terminal.
    pub rank: i16,
    /// Location of the record of the current state.
    #[sqlx(flatten)]
    pub record_id: RecordId,
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
    /// Time after which the command is no longer wanted.
    pub expires_at: Option<Timestamp>,
    /// Time at which the edge accepted the command.
    pub created_at: Timestamp,
    /// Time at which the record of the current state was written.
    pub updated_at: Timestamp,
    /// The records of its earlier states.
    #[sqlx(flatten)]
    pub steps: Steps,
}

/// The records by which an operation became pending and running. All columns of a step are null
/// until its record has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromRow)]
pub struct Steps {
    pending_partition: Option<i32>,
    pending_offset: Option<i64>,
    pending_at: Option<Timestamp>,
    running_partition: Option<i32>,
    running_offset: Option<i64>,
    running_at: Option<Timestamp>,
}

impl Steps {
    /// Creates the steps of a history.
    pub fn new(pending: Option<Step>, running: Option<Step>) -> Self {
        Self {
            pending_partition: pending.map(|step| step.partition),
            pending_offset: pending.map(|step| step.offset),
            pending_at: pending.map(|step| step.at),
            running_partition: running.map(|step| step.partition),
            running_offset: running.map(|step| step.offset),
            running_at: running.map(|step| step.at),
        }
    }

    /// Returns the record by which the operation became pending.
    pub fn pending(&self) -> Option<Step> {
        step(self.pending_partition, self.pending_offset, self.pending_at)
    }

    /// Returns the record by which the operation became running.
    pub fn running(&self) -> Option<Step> {
        step(self.running_partition, self.running_offset, self.running_at)
    }
}

fn step(partition: Option<i32>, offset: Option<i64>, at: Option<Timestamp>) -> Option<Step> {
    Some(Step {
        partition: partition?,
        offset: offset?,
        at: at?,
    })
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
    /// The operations that repeat it, oldest first.
    pub retries: Vec<Uuid>,
    /// 1, or one more than the number of operations that it repeats, directly or not. Operations
    /// that were deleted before count as one.
    pub attempt: i64,
}

/// Maximum number of descendants of one root that are shown.
pub const MAX_RELATED: usize = 200;

/// Finds an operation and the operations of the same root.
pub async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Found>, sqlx::Error> {
    let mut found = find_all(&mut *pool.acquire().await?, &[id]).await?;
    Ok(found.pop())
}

/// Finds those of the operations that have a row, each with the operations of the same root. It is
/// one statement, so that an ended operation is never shown beside children that had not ended
/// before it did.
pub async fn find_all(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Found>, sqlx::Error> {
    // One more row than is shown reveals that there are more. The operation itself may be among
    // them.
    let limit = i64::try_from(MAX_RELATED + 1).unwrap_or(i64::MAX);
    let rows = sqlx::query(include_str!("find.sql"))
        .bind(ids)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let mut found: Vec<Found> = Vec::new();
    for row in &rows {
        let operation = Operation::from_row(row)?;
        match (row.try_get("part")?, found.last_mut()) {
            (1, Some(last)) => last.related.push(operation),
            _ => found.push(Found {
                operation,
                related: Vec::new(),
                truncated: false,
                retries: row.try_get("retries")?,
                attempt: row.try_get("attempt")?,
            }),
        }
    }
    for found in &mut found {
        found.truncated = found.related.len() > MAX_RELATED;
        found.related.truncate(MAX_RELATED);
    }
    Ok(found)
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

#[cfg(test)]
impl Operation {
    /// Returns an example for tests: a pending command without a resource.
    pub(crate) fn example(number: u128) -> Self {
        Self {
            id: Uuid::from_u128(number),
            kind: "command".to_owned(),
            name: "people.Greet".to_owned(),
            state: "pending".to_owned(),
            rank: 0,
            record_id: RecordId {
                topic: "people.person.commands".to_owned(),
                partition: 0,
                offset: 0,
            },
            aggregate: "people.person".to_owned(),
            resource_id: None,
            code: None,
            reason: None,
            user_id: "eve".to_owned(),
            version: None,
            position: None,
            parent: None,
            root: None,
            retry_of: None,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            steps: Steps::default(),
        }
    }
}
