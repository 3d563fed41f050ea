//! Deletes deliveries that have ended long ago, those of deleted webhooks, and webhooks that were
//! never enabled, and publishes figures. Done at an interval while there are webhooks.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use factline::Timestamp;
use sqlx::PgPool;

use super::store;

/// Interval between two rounds.
pub(super) const INTERVAL: Duration = Duration::from_mins(1);

/// Time until the next round if one has left rows.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Time within which a webhook must be enabled for the first time.
const UNVERIFIED: TimeDelta = TimeDelta::days(1);

/// Time for which deliveries that have succeeded are kept.
const DELIVERED: TimeDelta = TimeDelta::days(1);

/// Maximum number of rows that one statement deletes.
const BATCH: i64 = 1000;

/// Maximum number of times that a round repeats a statement. The loop that sends waits for it.
const BATCHES: usize = 5;

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trimmed {
    /// Nothing is left to delete.
    All,
    /// There may be more rows.
    Part,
}

/// Deletes what has ended long ago. Instances pass over the rows that others delete.
pub(super) async fn round(pool: &PgPool, retention_days: u32) -> Result<Trimmed, sqlx::Error> {
    let now = Utc::now();
    let kept = TimeDelta::days(retention_days.into());
    store::delete_unverified(pool, now - UNVERIFIED).await?;
    let mut trimmed = Trimmed::All;
    for (statement, before) in [(AGED, now - kept), (DONE, now - DELIVERED), (FOREIGN, now)] {
        if delete(pool, statement, before).await? == Trimmed::Part {
            trimmed = Trimmed::Part;
        }
    }
    sqlx::query(
        "delete from operations.webhook where state = 'deleted' and not exists \
             (select 1 from operations.webhook_delivery where webhook_id = webhook.id)",
    )
    .execute(pool)
    .await?;
    Ok(trimmed)
}

const AGED: &str = "delete from operations.webhook_delivery where id in ( \
     select id from operations.webhook_delivery where created_at < $1 \
     order by created_at limit $2 for update skip locked)";

const DONE: &str = "delete from operations.webhook_delivery where id in ( \
     select id from operations.webhook_delivery \
     where state = 'delivered' and finished_at < $1 \
     order by finished_at limit $2 for update skip locked)";

const FOREIGN: &str = "delete from operations.webhook_delivery where id in ( \
     select delivery.id from operations.webhook_delivery as delivery \
     join operations.webhook on webhook.id = delivery.webhook_id and webhook.state = 'deleted' \
     where delivery.created_at < $1 limit $2 for update of delivery skip locked)";

async fn delete(
    pool: &PgPool,
    statement: &'static str,
    before: Timestamp,
) -> Result<Trimmed, sqlx::Error> {
    for _ in 0..BATCHES {
        let deleted = sqlx::query(statement)
            .bind(before)
            .bind(BATCH)
            .execute(pool)
            .await?;
        if deleted.rows_affected() < BATCH.unsigned_abs() {
            return Ok(Trimmed::All);
        }
    }
    Ok(Trimmed::Part)
}

/// The largest number that is counted.
const MAX_COUNT: i64 = 100_000;

/// Publishes the numbers of webhooks and deliveries by state.
pub(super) async fn publish(pool: &PgPool) -> Result<(), sqlx::Error> {
    let webhooks: Vec<(String, i64)> = sqlx::query_as(
        "select state, (select count(*) from operations.webhook where webhook.state = known.state) \
         from unnest(array['unverified', 'active', 'disabled']) as known (state)",
    )
    .fetch_all(pool)
    .await?;
    for (state, count) in webhooks {
        metrics::gauge!("factline_webhooks", "state" => state).set(figure(count));
    }
    let (pending, dead): (i64, i64) = sqlx::query_as(
        "select (select count(*) from (select 1 from operations.webhook_delivery \
                 where state = 'pending' limit $1) as pending), \
                (select count(*) from (select 1 from operations.webhook_delivery \
                 where state = 'dead' limit $1) as dead)",
    )
    .bind(MAX_COUNT)
    .fetch_one(pool)
    .await?;
    metrics::gauge!("factline_webhook_pending").set(figure(pending));
    metrics::gauge!("factline_webhook_dead").set(figure(dead));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn figure(count: i64) -> f64 {
    count as f64
}
