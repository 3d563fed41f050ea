//! The checkpoints of views and of the tracker, and the records that the tracker's rows name.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use factline::Timestamp;
use factline_kafka::topics::TopicPartition;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::manifest::{Manifest, Moved, TopicCopy};
use super::offset_map::{MovedRecord, Reader};
use crate::archive::Kind;

/// Schemas with checkpoints: those of the projectors, and those of the tracker.
const SCHEMAS: [&str; 2] = ["factline", "operations"];

/// Rows of one statement.
const AT_ONCE: usize = 5000;

/// A follower with its checkpoints in the topics of the source.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    schema: &'static str,
    pub(super) view: String,
    pub(super) version: i32,
    checkpoints: BTreeMap<TopicPartition, Checkpoint>,
}

#[derive(Debug, Clone)]
struct Checkpoint {
    next_offset: i64,
    event_time: Option<Timestamp>,
}

impl Follower {
    pub(super) fn reader(&self) -> Reader {
        let places = self.checkpoints.iter();
        Reader {
            name: format!("{} version {}", self.view, self.version),
            places: places
                .map(|(key, checkpoint)| (key.clone(), checkpoint.next_offset))
                .collect(),
        }
    }
}

/// Loads all followers that have a checkpoint in a topic of the source.
///
/// # Errors
/// If one of them has parked keys, whose records have other offsets in the copy.
pub(super) async fn load(
    connection: &mut PgConnection,
    manifest: &Manifest,
) -> Result<Vec<Follower>> {
    let topics = manifest.topics.iter().map(|copy| copy.source.name.clone());
    let topics: Vec<String> = topics.collect();
    let mut followers: Vec<Follower> = Vec::new();
    for schema in SCHEMAS {
        if !exists(connection, schema, "checkpoint").await? {
            continue;
        }
        let parked = format!("select count(*) from {schema}.parked_key where topic = any($1)");
        let parked: i64 = sqlx::query_scalar(AssertSqlSafe(parked))
            .bind(&topics)
            .fetch_one(&mut *connection)
            .await?;
        ensure!(
            parked == 0,
            "views have {parked} parked keys: redrive or discard them first, see `factline \
             dead-letters list`"
        );
        let sql = format!(
            "select view, version, topic, partition, next_offset, event_time from {schema}.checkpoint \
             where topic = any($1) order by view, version"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&topics)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            let (view, version): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
            let key = (row.try_get(2)?, row.try_get(3)?);
            let checkpoint = Checkpoint {
                next_offset: row.try_get(4)?,
                event_time: row.try_get(5)?,
            };
            let is_same = |known: &&mut Follower| {
                known.schema == schema && known.view == view && known.version == version
            };
            match followers.last_mut().filter(is_same) {
                Some(known) => {
                    known.checkpoints.insert(key, checkpoint);
                }
                None => followers.push(Follower {
                    schema,
                    view,
                    version,
                    checkpoints: BTreeMap::from([(key, checkpoint)]),
                }),
            }
        }
    }
    Ok(followers)
}

async fn exists(connection: &mut PgConnection, schema: &str, table: &str) -> Result<bool> {
    let name = format!("{schema}.{table}");
    let found: Option<bool> = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(found.unwrap_or_default())
}

/// The changes of the database.
pub(super) struct Changes<'a> {
    pub(super) manifest: &'a Manifest,
    /// Followers with their places in the copy.
    pub(super) followers: &'a [(Follower, Vec<Moved>)],
    /// Records of commands and outcomes, by the index of their topic in the manifest.
    pub(super) records: &'a [(usize, Vec<MovedRecord>)],
}

/// Writes the checkpoints of the copy, and the places of the tracker's rows, in one transaction.
/// The checkpoints of the source stay. It can be repeated.
pub(super) async fn write(connection: &mut PgConnection, changes: &Changes<'_>) -> Result<()> {
    let has_tracker = exists(connection, "operations", "operation").await?;
    let mut transaction = connection.begin().await?;
    for (follower, moved) in changes.followers {
        for moved in moved {
            let written = checkpoints(&mut transaction, changes.manifest, follower, moved).await;
            written
                .with_context(|| format!("cannot write the checkpoints of {}", follower.view))?;
        }
    }
    if has_tracker {
        for (index, records) in changes.records {
            let Some(copy) = changes.manifest.topics.get(*index) else {
                continue;
            };
            for part in records.chunks(AT_ONCE) {
                operations(&mut transaction, copy, part).await?;
            }
        }
    }
    Ok(transaction.commit().await?)
}

async fn checkpoints(
    transaction: &mut PgConnection,
    manifest: &Manifest,
    follower: &Follower,
    moved: &Moved,
) -> Result<()> {
    let mut copies = manifest.topics.iter();
    let copy = copies.find(|copy| copy.source.name == moved.topic);
    let copy = copy.with_context(|| format!("the manifest has no topic {}", moved.topic))?;
    let key = (moved.topic.clone(), moved.partition);
    let time = follower.checkpoints.get(&key);
    let time = time.and_then(|checkpoint| checkpoint.event_time);
    // The number of an event is its offset and 1. Records of other topics have no numbers.
    let is_numbered = copy.kind == Kind::Events;
    let sequence = |next: i64| if is_numbered { next } else { 0 };
    let partitions: Vec<i32> = moved.to.keys().copied().collect();
    let next: Vec<i64> = moved.to.values().copied().collect();
    let sequences: Vec<i64> = next.iter().map(|next| sequence(*next)).collect();
    let sql = format!(
        "insert into {}.checkpoint as known \
             (view, version, topic, partition, topic_identity, next_offset, sequence, event_time) \
         select $1, $2, $3, made.partition, $4, made.next_offset, made.sequence, $8 \
         from unnest($5::integer[], $6::bigint[], $7::bigint[]) as made (partition, next_offset, sequence) \
         on conflict (view, version, topic, partition) do update \
             set topic_identity = excluded.topic_identity, next_offset = excluded.next_offset, \
                 sequence = excluded.sequence, event_time = excluded.event_time, redrives = 0 \
             where known.topic_identity <> excluded.topic_identity",
        follower.schema
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&follower.view)
        .bind(follower.version)
        .bind(&copy.target.name)
        .bind(&copy.target.identity)
        .bind(partitions)
        .bind(next)
        .bind(sequences)
        .bind(time)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Lets the tracker's rows name the records of the copy.
async fn operations(
    transaction: &mut PgConnection,
    copy: &TopicCopy,
    records: &[MovedRecord],
) -> Result<()> {
    for (table, id) in [("operation", "id"), ("anomaly", "operation_id")] {
        let sql = format!(
            "update operations.{table} as known \
             set topic = $1, partition = moved.to_partition, \"offset\" = moved.to_offset \
             from unnest($3::uuid[], $4::integer[], $5::bigint[], $6::integer[], $7::bigint[]) \
                 as moved (id, from_partition, from_offset, to_partition, to_offset) \
             where known.{id} = moved.id and known.topic = $2 \
               and known.partition = moved.from_partition and known.\"offset\" = moved.from_offset"
        );
        let column = |of: fn(&MovedRecord) -> i64| -> Vec<i64> { records.iter().map(of).collect() };
        let number = |of: fn(&MovedRecord) -> i32| -> Vec<i32> { records.iter().map(of).collect() };
        sqlx::query(AssertSqlSafe(sql))
            .bind(&copy.target.name)
            .bind(&copy.source.name)
            .bind(records.iter().map(|it| it.operation).collect::<Vec<_>>())
            .bind(number(|it| it.from.0))
            .bind(column(|it| it.from.1))
            .bind(number(|it| it.to.0))
            .bind(column(|it| it.to.1))
            .execute(&mut *transaction)
            .await
            .with_context(|| format!("cannot move the rows of operations.{table}"))?;
    }
    Ok(())
}
