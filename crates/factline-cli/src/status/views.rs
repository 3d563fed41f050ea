//! The part of the status that PostgreSQL knows: the checkpoints of views and of the operations
//! tracker.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use factline::Timestamp;
use factline_kafka::KafkaConfig;
use factline_kafka::tools::backlog::Backlogs;
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::watermarks::Bounds;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::kafka::{Lag, lags};
use super::services::{self, ServiceStatus};
use crate::database::{self, TIMEOUT};

/// The checkpoint tables that the role may read. Each process has one in its own schema.
const TABLES: &str = "select quote_ident(n.nspname) from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where c.relname = 'checkpoint' and c.relkind in ('r', 'p') \
    and exists (select from pg_attribute where attrelid = c.oid and attname = 'topic_identity') \
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
    order by 1";

/// A version of a view, or another follower such as the operations tracker.
#[derive(Debug, Serialize)]
pub(super) struct FollowerStatus {
    pub(super) view: String,
    pub(super) version: i32,
    pub(super) partitions: usize,
    /// Timestamp of the newest record that was applied.
    pub(super) applied: Option<Timestamp>,
    #[serde(flatten)]
    pub(super) lag: Option<Lag>,
    /// Number of partitions that its process has halted.
    pub(super) halted: Option<u64>,
    /// Number of parked keys.
    pub(super) parked: i64,
}

/// The checkpoints of a follower.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    reached: BTreeMap<TopicPartition, i64>,
    applied: Option<Timestamp>,
    parked: i64,
}

/// Followers by name and version.
pub(super) type Followers = BTreeMap<(String, i32), Checkpoints>;

/// Reads the checkpoints of all followers whose topics have the prefix.
pub(super) async fn checkpoints(url: &str, prefix: &str) -> Result<Followers> {
    let mut connection = database::connect(url).await?;
    let reading = tokio::time::timeout(TIMEOUT, read(&mut connection, prefix));
    let followers = reading.await.context("cannot read the checkpoints")?;
    // The server ends the session if this fails.
    let _ = connection.close().await;
    followers.context("cannot read the checkpoints")
}

async fn read(connection: &mut PgConnection, prefix: &str) -> Result<Followers> {
    let schemas: Vec<String> = sqlx::query_scalar(TABLES)
        .fetch_all(&mut *connection)
        .await?;
    if schemas.is_empty() {
        bail!("the role may read no checkpoints, or no process has migrated the database");
    }
    let mut followers = Followers::new();
    for schema in schemas {
        // The server has quoted the name.
        let query = format!(
            "select view, version, topic, partition, next_offset, event_time from {schema}.checkpoint"
        );
        for row in sqlx::query(AssertSqlSafe(query))
            .fetch_all(&mut *connection)
            .await?
        {
            let topic: String = row.try_get(2)?;
            if !topic.starts_with(prefix) {
                continue;
            }
            let follower = followers
                .entry((row.try_get(0)?, row.try_get(1)?))
                .or_default();
            follower
                .reached
                .insert((topic, row.try_get(3)?), row.try_get(4)?);
            follower.applied = follower.applied.max(row.try_get(5)?);
        }
        if !has_parked_keys(connection, &schema).await? {
            continue;
        }
        let query = format!(
            "select view, version, count(*) from {schema}.parked_key where topic ^@ $1 group by 1, 2"
        );
        for row in sqlx::query(AssertSqlSafe(query))
            .bind(prefix)
            .fetch_all(&mut *connection)
            .await?
        {
            let follower = followers.get_mut(&(row.try_get(0)?, row.try_get(1)?));
            if let Some(follower) = follower {
                follower.parked += row.try_get::<i64, _>(2)?;
            }
        }
    }
    Ok(followers)
}

/// Returns whether a process of this release has migrated the schema, and the role may read it.
async fn has_parked_keys(connection: &mut PgConnection, schema: &str) -> Result<bool> {
    let sql = "select coalesce(has_table_privilege(to_regclass($1), 'select'), false)";
    let parked = format!("{schema}.parked_key");
    let exists = sqlx::query_scalar(sql).bind(parked);
    Ok(exists.fetch_one(connection).await?)
}

/// Returns the views with their lag, which is unknown if Kafka is unavailable.
pub(super) async fn views(
    kafka: &KafkaConfig,
    is_available: bool,
    followers: Followers,
    services: &[ServiceStatus],
) -> Result<Vec<FollowerStatus>> {
    let kafka = kafka.clone();
    let measured = tokio::task::spawn_blocking(move || {
        let backlogs = is_available.then(|| Backlogs::new(&kafka)).transpose()?;
        let mut bounds = Bounds::new();
        let mut measured = Vec::new();
        for (id, follower) in followers {
            let lag = match &backlogs {
                Some(backlogs) => lag(backlogs, &mut bounds, &follower)?,
                None => None,
            };
            measured.push((id, follower, lag));
        }
        Ok::<_, anyhow::Error>(measured)
    });
    let views = measured.await??.into_iter();
    Ok(views
        .map(|((view, version), follower, lag)| FollowerStatus {
            halted: services::sum(services, "factline_follower_stopped", ("view", &view)),
            view,
            version,
            partitions: follower.reached.len(),
            applied: follower.applied,
            parked: follower.parked,
            lag,
        })
        .collect())
}

fn lag(backlogs: &Backlogs, bounds: &mut Bounds, follower: &Checkpoints) -> Result<Option<Lag>> {
    for (topic, _) in follower.reached.keys() {
        if !bounds.keys().any(|(known, _)| known == topic) {
            bounds.extend(backlogs.bounds(topic)?.unwrap_or_default());
        }
    }
    let lags = lags(backlogs, &follower.reached, bounds)?;
    Ok(Lag::total(lags.into_values()))
}
