//! Trims commands topics: deletes commands that the handlers and the tracker have passed and that
//! are old enough.
//!
//! Only the tracker can do it, because its checkpoints are in its database, where no broker sees
//! them. [`factline_kafka::topics::trim`] trims a topic and defines which records must be kept.
//! Each instance trims. A round that fails is retried in the next round, and nothing waits for it.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use factline::{Contract, Timestamp};
use factline_kafka::KafkaConfig;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_postgres::checkpoint::{self, Checkpoint};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::store::follower_id;

/// Options of trimming.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Interval in seconds at which handled commands are deleted from commands topics; 0 disables
    /// trimming
    #[arg(long, env = "FACTLINE_TRIM_EVERY_SECONDS", default_value_t = 60)]
    pub trim_every_seconds: u32,
    /// Minimum number of hours to keep a command after it was appended, so that people can inspect
    /// it
    #[arg(long, env = "FACTLINE_TRIM_KEEP_HOURS", default_value_t = 24)]
    pub trim_keep_hours: u32,
}

/// Trims at a fixed interval until shutdown.
pub async fn run(
    options: Options,
    kafka: KafkaConfig,
    pool: PgPool,
    contracts: Vec<&'static Contract>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    if options.trim_every_seconds == 0 {
        return Ok(());
    }
    let every = Duration::from_secs(options.trim_every_seconds.into());
    let rounds = async {
        loop {
            tokio::time::sleep(every).await;
            let before = hours_before(Utc::now(), options.trim_keep_hours);
            if let Err(error) = round(&kafka, &pool, &contracts, before).await {
                let error: &dyn Error = &error;
                tracing::warn!(error, "cannot read checkpoints; retrying in the next round");
            }
        }
    };
    shutdown.run_until_cancelled(rounds).await;
    Ok(())
}

/// Trims each contract's commands topic once. Returns the number of deleted records. A topic that
/// cannot be trimmed now is logged and does not stop the others.
pub async fn round(
    kafka: &KafkaConfig,
    pool: &PgPool,
    contracts: &[&'static Contract],
    before: Timestamp,
) -> Result<u64, sqlx::Error> {
    let checkpoints = checkpoint::load(&mut *pool.acquire().await?, &follower_id()).await?;
    let mut gone = 0;
    for contract in contracts {
        let topics = kafka.topics(contract);
        let reached = reached(&checkpoints, topics.commands());
        match trim(kafka, &topics, &reached, before).await {
            Ok(trimmed) => {
                let records: u64 = trimmed.iter().map(Trimmed::records).sum();
                metrics::counter!("factline_commands_trimmed_total", "aggregate" => contract.aggregate)
                    .increment(records);
                if records > 0 {
                    let topic = topics.commands();
                    tracing::info!(topic, records, "deleted handled commands");
                }
                gone += records;
            }
            Err(error) => {
                let (topic, error): (_, &dyn Error) = (topics.commands(), &error);
                tracing::warn!(
                    topic,
                    error,
                    "cannot trim the topic; retrying in the next round"
                );
            }
        }
    }
    Ok(gone)
}

/// Returns the tracker's checkpoints of a topic, as stored in the database.
fn reached(checkpoints: &[Checkpoint], topic: &str) -> BTreeMap<i32, Reached> {
    checkpoints
        .iter()
        .filter(|checkpoint| checkpoint.topic == topic)
        .map(|checkpoint| {
            let reached = Reached {
                identity: checkpoint.topic_identity.clone(),
                next_offset: checkpoint.cursor.next_offset,
            };
            (checkpoint.partition, reached)
        })
        .collect()
}

/// Returns the instant `hours` hours earlier, at the earliest 1970.
fn hours_before(now: Timestamp, hours: u32) -> Timestamp {
    TimeDelta::try_hours(hours.into())
        .and_then(|keep| now.checked_sub_signed(keep))
        .map_or(Timestamp::UNIX_EPOCH, |then| {
            then.max(Timestamp::UNIX_EPOCH)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_before_is_at_the_earliest_1970() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap_or_default();
        assert_eq!(hours_before(noon, 0), noon);
        assert_eq!(noon - hours_before(noon, 24), TimeDelta::days(1));
        assert_eq!(hours_before(noon, u32::MAX), Timestamp::UNIX_EPOCH);
    }
}
