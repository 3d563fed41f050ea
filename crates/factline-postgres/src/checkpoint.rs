//! Checkpoints: the progress of a follower in each partition, stored beside the rows that it wrote.
//!
//! The compare-and-set of [`advance`] is the fence. If another process has taken over a partition,
//! the former owner updates no checkpoint row, and the host rolls its transaction back. The
//! consumer group only distributes the work.

use std::time::Duration;

use factline::Timestamp;
use factline_failpoints::{Mutant, sql};
use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

/// PostgreSQL `NOTIFY` channel. It carries the follower's name each time its checkpoints move.
pub const CHANNEL: &str = "factline_checkpoint";

/// Pause between two attempts to listen.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Identity of a follower's checkpoints: the first half of the primary key, and the schema of the
/// table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowerId {
    /// Schema of the checkpoint table; see [`crate::migration::checkpoints`].
    pub schema: &'static str,
    /// Name of the view or other follower.
    pub view: String,
    /// Version of the view.
    pub version: i32,
}

/// Progress of a follower in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Offset of the next record to read.
    pub next_offset: i64,
    /// Partition sequence of the last event applied; 0 before the first.
    pub sequence: u64,
    /// Timestamp of the last record applied.
    pub event_time: Option<Timestamp>,
}

/// Checkpoint of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Identity of the topic, see [`factline_kafka::topics::identity`].
    pub topic_identity: String,
    /// Progress in the partition.
    pub cursor: Cursor,
    /// Number of redrives and discards of parked keys in the partition.
    pub redrives: i64,
}

/// Move of a checkpoint, with the expected offset and the new cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) expected_offset: i64,
    pub(crate) expected_redrives: i64,
    pub(crate) to: Cursor,
}

/// Loads all checkpoints of a follower.
pub async fn load(
    connection: &mut PgConnection,
    owner: &FollowerId,
) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let query = format!(
        "select topic, partition, topic_identity, next_offset, sequence, event_time, redrives \
         from {}.checkpoint where view = $1 and version = $2",
        owner.schema
    );
    let rows = sqlx::query(AssertSqlSafe(query))
        .bind(&owner.view)
        .bind(owner.version)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Checkpoint {
                topic: row.try_get(0)?,
                partition: row.try_get(1)?,
                topic_identity: row.try_get(2)?,
                cursor: Cursor {
                    next_offset: row.try_get(3)?,
                    sequence: row.try_get::<i64, _>(4)?.cast_unsigned(),
                    event_time: row.try_get(5)?,
                },
                redrives: row.try_get(6)?,
            })
        })
        .collect()
}

/// Writes the first checkpoint of a partition, unless there is one.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    owner: &FollowerId,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    let query = format!(
        "insert into {}.checkpoint (view, version, topic, partition, topic_identity, next_offset, sequence, \
             event_time) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        owner.schema
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(&checkpoint.topic)
        .bind(checkpoint.partition)
        .bind(&checkpoint.topic_identity)
        .bind(checkpoint.cursor.next_offset)
        .bind(checkpoint.cursor.sequence.cast_signed())
        .bind(checkpoint.cursor.event_time)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves checkpoints, removes the halts that they pass, and notifies [`CHANNEL`] when the
/// transaction is committed. Returns `false` if
/// a checkpoint was not at its expected offset, or its parked keys have changed. The transaction
/// must then be rolled back.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    owner: &FollowerId,
    moves: &[Move],
) -> Result<bool, sqlx::Error> {
    // One statement, because each costs a round trip. PostgreSQL sends the notification when the
    // transaction commits.
    let query = format!(
        "with advanced as ( \
             update {schema}.checkpoint as known \
             set next_offset = moved.next_offset, sequence = moved.sequence, \
                 event_time = moved.event_time, updated_at = now() \
             from unnest($3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[], $10::bigint[]) \
                 as moved (topic, partition, expected, next_offset, sequence, event_time, redrives) \
             where known.view = $1 and known.version = $2 and known.topic = moved.topic \
               and known.partition = moved.partition and known.next_offset = moved.expected \
               and known.redrives = moved.redrives \
             returning 1), \
         passed as ( \
             delete from {schema}.halted_partition as halt \
             using unnest($3::text[], $4::integer[], $6::bigint[]) as moved (topic, partition, next_offset) \
             where halt.view = $1 and halt.version = $2 and halt.topic = moved.topic \
               and halt.partition = moved.partition and halt.record_offset < moved.next_offset) \
         select (select count(*) from advanced), pg_notify($9, $1)",
        schema = owner.schema
    );
    let query = sql(Mutant::BlindCheckpoint, &query).into_owned();
    let topics: Vec<&str> = moves.iter().map(|step| step.topic.as_str()).collect();
    let partitions: Vec<i32> = moves.iter().map(|step| step.partition).collect();
    let expected: Vec<i64> = moves.iter().map(|step| step.expected_offset).collect();
    let next: Vec<i64> = moves.iter().map(|step| step.to.next_offset).collect();
    let sequences: Vec<i64> = moves
        .iter()
        .map(|step| step.to.sequence.cast_signed())
        .collect();
    let redrives: Vec<i64> = moves.iter().map(|step| step.expected_redrives).collect();
    let times: Vec<Option<Timestamp>> = moves.iter().map(|step| step.to.event_time).collect();
    let row = sqlx::query(AssertSqlSafe(query))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(topics)
        .bind(partitions)
        .bind(expected)
        .bind(next)
        .bind(sequences)
        .bind(times)
        .bind(CHANNEL)
        .bind(redrives)
        .fetch_one(connection)
        .await?;
    let advanced: i64 = row.try_get(0)?;
    Ok(usize::try_from(advanced) == Ok(moves.len()))
}

/// Listens on [`CHANNEL`] without end, on one connection of the pool. `moved` receives the name of
/// each follower whose checkpoints have moved. It receives `None` when the connection is ready and
/// after a reconnect, because notifications may have been missed.
///
/// No notification arrives while there is no connection, so a waiting caller must also check the
/// checkpoints at intervals.
pub async fn listen(pool: &PgPool, moved: impl Fn(Option<&str>)) {
    loop {
        if let Err(error) = receive_notifications(pool, &moved).await {
            tracing::debug!(%error, "cannot listen for checkpoints; retrying");
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn receive_notifications(
    pool: &PgPool,
    moved: &impl Fn(Option<&str>),
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    moved(None);
    loop {
        let notice = listener.try_recv().await?;
        moved(notice.as_ref().map(PgNotification::payload));
    }
}
