//! Deletes operations that ended long ago, in the background and in small batches.
//!
//! An operation that has not ended is never deleted. A round begins only when the tracker has read
//! every command that was accepted until then. Otherwise the command of a deleted operation could
//! be read later, and its row would be pending without end.
//!
//! Every instance has rounds. An advisory lock lets one of them delete at a time.

use std::error::Error;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use factline::Timestamp;
use factline_http::Problem;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::{Uuid, Version};

use crate::barrier::Barrier;
use crate::feed;

/// Interval between two rounds.
const INTERVAL: Duration = Duration::from_mins(1);

/// Maximum number of rows that one statement deletes.
pub const BATCH: u16 = 500;

/// Pause between two batches, so that a long round leaves the database to others.
const PAUSE: Duration = Duration::from_millis(50);

/// Time by which operations are kept longer than the retention. The clocks that wrote an
/// operation's id and its end may differ by it.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// Time for which the feed keeps changes: a stream that was interrupted for longer goes on from the
/// present.
const FEED: TimeDelta = TimeDelta::days(1);

/// Number of the advisory lock under which operations are deleted.
const LOCK: i64 = 8_263_514_971;

/// Options of the retention.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Number of days to keep an operation after it has ended, which must be longer than the dedupe
    /// window of the handlers; 0 keeps operations forever
    #[arg(long, env = "FACTLINE_OPERATION_RETENTION_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub operation_retention_days: u32,
}

/// Time for which operations are kept after they have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(Option<TimeDelta>);

impl Retention {
    /// Operations are kept for this number of days; 0 is forever.
    pub fn days(days: u32) -> Self {
        Self(TimeDelta::try_days(days.into()).filter(|kept| !kept.is_zero()))
    }

    /// Returns the number of days, or none if operations are kept forever.
    pub fn kept_days(&self) -> Option<i64> {
        self.0.map(|kept| kept.num_days())
    }

    /// Returns the time before which an ended operation is deleted.
    pub fn cutoff(&self, now: Timestamp) -> Option<Timestamp> {
        now.checked_sub_signed(self.0?)?.checked_sub_signed(MARGIN)
    }

    /// Returns whether an operation without a row may have been deleted. Only a UUIDv7 tells the
    /// time from which it is. An id that derives from something else does not.
    pub fn may_have_deleted(&self, id: Uuid, now: Timestamp) -> bool {
        let created = id
            .get_timestamp()
            .filter(|_| id.get_version() == Some(Version::SortRand))
            .and_then(|created| {
                let (seconds, nanoseconds) = created.to_unix();
                Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
            });
        match (self.0, created) {
            (Some(kept), Some(created)) => now.signed_duration_since(created) > kept,
            _ => false,
        }
    }
}

/// Creates the 410 of an operation that is older than the retention.
pub(crate) fn expired() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "operation-expired",
        "The operation is older than operations are kept",
    )
}

/// Deletes at an interval until shutdown.
pub async fn run(
    retention: Retention,
    barrier: Barrier,
    pool: PgPool,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let rounds = async {
        loop {
            sleep(INTERVAL).await;
            if let Err(error) = feed::trim(&pool, Utc::now() - FEED).await {
                let error: &dyn Error = &error;
                tracing::warn!(error, "cannot trim the feed; retrying in the next round");
            }
            let Some(before) = retention.cutoff(Utc::now()) else {
                continue;
            };
            if let Err(error) = round(&barrier, &pool, before).await {
                let error: &dyn Error = &error;
                tracing::warn!(
                    error,
                    "cannot delete operations; retrying in the next round"
                );
            }
        }
    };
    shutdown.run_until_cancelled(rounds).await;
    Ok(())
}

/// Deletes all operations that ended before this time, and all anomalies that were noticed before
/// it. Returns the number of operations. Deletes nothing while commands are not read, or while
/// another instance deletes.
pub async fn round(
    barrier: &Barrier,
    pool: &PgPool,
    before: Timestamp,
) -> Result<u64, sqlx::Error> {
    if !barrier.has_caught_up().await {
        tracing::debug!("not all commands are read; no operations are deleted");
        return Ok(0);
    }
    let mut gone = 0;
    while let Some(batch) = delete(pool, before).await? {
        metrics::counter!("factline_operations_deleted_total").increment(batch.operations);
        gone += batch.operations;
        if batch.operations.max(batch.anomalies) < BATCH.into() {
            break;
        }
        sleep(PAUSE).await;
    }
    if gone > 0 {
        tracing::info!(operations = gone, "deleted operations that ended long ago");
    }
    Ok(gone)
}

/// Number of rows that one transaction deleted.
struct Batch {
    operations: u64,
    anomalies: u64,
}

/// Deletes a batch, unless another instance deletes.
async fn delete(pool: &PgPool, before: Timestamp) -> Result<Option<Batch>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let locked: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *transaction)
        .await?;
    if !locked {
        return Ok(None);
    }
    let operations = sqlx::query(include_str!("retention.sql"))
        .bind(before)
        .bind(i64::from(BATCH))
        .execute(&mut *transaction)
        .await?;
    let anomalies = sqlx::query(include_str!("retention_anomaly.sql"))
        .bind(before)
        .bind(i64::from(BATCH))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Some(Batch {
        operations: operations.rows_affected(),
        anomalies: anomalies.rows_affected(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a UUIDv7 from this number of days before a time.
    fn id(now: Timestamp, days: i64) -> Uuid {
        let then = (now - TimeDelta::days(days)).timestamp_millis();
        uuid::Builder::from_unix_timestamp_millis(then.unsigned_abs(), &[7; 10]).into_uuid()
    }

    #[test]
    fn only_ids_that_tell_an_old_time_may_have_been_deleted() {
        let now = Utc::now();
        let month = Retention::days(30);
        assert!(month.may_have_deleted(id(now, 31), now));
        assert!(!month.may_have_deleted(id(now, 29), now));
        assert!(!month.may_have_deleted(id(now, -31), now));
        assert!(!month.may_have_deleted(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"key"), now));
        assert!(!month.may_have_deleted(Uuid::nil(), now));
        assert!(!Retention::days(0).may_have_deleted(id(now, 31), now));
    }

    #[test]
    fn deleted_ids_are_older_than_the_retention() {
        let now = Utc::now();
        let month = Retention::days(30);
        let before = month.cutoff(now).unwrap();
        assert_eq!(now - before, TimeDelta::days(30) + MARGIN);
        assert_eq!(Retention::days(0).cutoff(now), None);
        assert!(Retention::days(36_500).cutoff(now).is_some());
    }
}
