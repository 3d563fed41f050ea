//! Checkpoints: how far a follower has come, kept beside the rows that say so.
//!
//! The compare-and-set of [`advance`] is the fence: whoever still believes that a partition is his after another took it
//! over, moves no row, and the host rolls his transaction back. The consumer group only spreads the work.

use std::time::Duration;

use factline::Timestamp;
use factline_failpoints::{Mutant, sql};
use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

/// PostgreSQL's `NOTIFY` channel: a message, the follower's name, whenever its checkpoints have moved.
pub const CHANNEL: &str = "factline_checkpoint";

/// Between two tries to listen.
const AGAIN: Duration = Duration::from_millis(250);

/// Whose checkpoints: the primary key's first half, and the schema in which the table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Schema of the checkpoint table; see [`crate::migration::checkpoints`].
    pub schema: &'static str,
    /// Name of the view, or of whatever follows.
    pub view: String,
    /// Its version.
    pub version: i32,
}

/// How far one partition was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Offset of the next record to read.
    pub next_offset: i64,
    /// Partition sequence of the last event applied; 0 before the first.
    pub sequence: u64,
    /// Timestamp of the last record applied.
    pub event_time: Option<Timestamp>,
}

/// A partition's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Which topic of that name it was, see [`factline_kafka::topics::identity`].
    pub topic_identity: String,
    /// How far it was applied.
    pub cursor: Cursor,
}

/// A checkpoint's move: from what it must be to what it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) expected_offset: i64,
    pub(crate) to: Cursor,
}

/// All checkpoints of a follower.
pub async fn load(
    connection: &mut PgConnection,
    owner: &Owner,
) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let query = format!(
        "select topic, partition, topic_identity, next_offset, sequence, event_time \
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
            })
        })
        .collect()
}

/// Writes the first checkpoint of a partition, unless there is one.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    owner: &Owner,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    let query = format!(
        "insert into {}.checkpoint (view, version, topic, partition, topic_identity, next_offset, sequence) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
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
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves checkpoints, and says so on [`CHANNEL`] once the transaction is committed. False if any of them was not where it
/// was expected: then the transaction must be rolled back.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    owner: &Owner,
    moves: &[Move],
) -> Result<bool, sqlx::Error> {
    // One statement, since each costs a round trip: the word on the channel is sent with the transaction's commit.
    let query = format!(
        "with advanced as ( \
             update {}.checkpoint as known \
             set next_offset = moved.next_offset, sequence = moved.sequence, \
                 event_time = moved.event_time, updated_at = now() \
             from unnest($3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[]) \
                 as moved (topic, partition, expected, next_offset, sequence, event_time) \
             where known.view = $1 and known.version = $2 and known.topic = moved.topic \
               and known.partition = moved.partition and known.next_offset = moved.expected \
             returning 1) \
         select (select count(*) from advanced), pg_notify($9, $1)",
        owner.schema
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
        .fetch_one(connection)
        .await?;
    let advanced: i64 = row.try_get(0)?;
    Ok(usize::try_from(advanced) == Ok(moves.len()))
}

/// Listens on [`CHANNEL`] for ever, on one connection of the pool: `moved` hears the name of each follower whose checkpoints
/// have moved, and no name when the connection was made anew and something may have been missed. While there is no
/// connection nothing is heard, so whoever waits has to look by himself now and then.
pub async fn listen(pool: &PgPool, moved: impl Fn(Option<&str>)) {
    loop {
        if let Err(error) = hear(pool, &moved).await {
            tracing::debug!(%error, "cannot listen for checkpoints for now");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(pool: &PgPool, moved: &impl Fn(Option<&str>)) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notice = listener.try_recv().await?;
        moved(notice.as_ref().map(PgNotification::payload));
    }
}
