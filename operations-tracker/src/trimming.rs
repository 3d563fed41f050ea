//! Keeps commands topics short: what handlers and tracker have passed is deleted when it is old enough.
//!
//! The tracker does it because nobody else can: its checkpoints stand in its database, where no broker sees them.
//! How a topic is trimmed, and what must never go, is in [`factline_kafka::topics::trim`]. Each instance does it; a round that
//! fails is tried again at the next, and nothing waits for it.

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

use crate::service::owner;

/// How it is done; flags of the process.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Seconds between two looks at what can be deleted from commands topics; 0: nothing ever is
    #[arg(long, env = "FACTLINE_TRIM_EVERY_SECONDS", default_value_t = 60)]
    pub trim_every_seconds: u32,
    /// Hours for which commands are kept at least after they were appended, for people who want to look at them
    #[arg(long, env = "FACTLINE_TRIM_KEEP_HOURS", default_value_t = 24)]
    pub trim_keep_hours: u32,
}

/// Trims now and then until the end.
pub async fn run(
    options: Options,
    kafka: KafkaConfig,
    pool: PgPool,
    contracts: &'static [&'static Contract],
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    if options.trim_every_seconds == 0 {
        return Ok(());
    }
    let every = Duration::from_secs(options.trim_every_seconds.into());
    let rounds = async {
        loop {
            tokio::time::sleep(every).await;
            let before = long_before(Utc::now(), options.trim_keep_hours);
            if let Err(error) = round(&kafka, &pool, contracts, before).await {
                let error: &dyn Error = &error;
                tracing::warn!(error, "cannot read checkpoints: nothing is trimmed for now");
            }
        }
    };
    shutdown.run_until_cancelled(rounds).await;
    Ok(())
}

/// Trims each contract's commands topic once; answers how many records are gone. A topic that cannot be trimmed now
/// is logged, and keeps no other back.
pub async fn round(
    kafka: &KafkaConfig,
    pool: &PgPool,
    contracts: &[&'static Contract],
    before: Timestamp,
) -> Result<u64, sqlx::Error> {
    let checkpoints = checkpoint::load(&mut *pool.acquire().await?, &owner()).await?;
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
                    tracing::info!(topic, records, "handled commands were deleted");
                }
                gone += records;
            }
            Err(error) => {
                let (topic, error): (_, &dyn Error) = (topics.commands(), &error);
                tracing::warn!(topic, error, "cannot trim for now");
            }
        }
    }
    Ok(gone)
}

/// How far this tracker has come in a topic, as the database says.
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

/// An instant so many hours earlier, at the earliest 1970.
fn long_before(now: Timestamp, hours: u32) -> Timestamp {
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
    fn any_number_of_hours_is_an_instant() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap_or_default();
        assert_eq!(long_before(noon, 0), noon);
        assert_eq!(noon - long_before(noon, 24), TimeDelta::days(1));
        assert_eq!(long_before(noon, u32::MAX), Timestamp::UNIX_EPOCH);
    }
}
