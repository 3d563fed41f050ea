//! Takes deliveries that are due.
//!
//! A delivery that is taken is not due until its lease ends, so no other instance takes it. An
//! instance that dies leaves it due, when the lease has ended. The number of the attempt shows
//! whether a result is still that of the last one.

use std::collections::HashMap;
use std::time::Duration;

use factline::Timestamp;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::signature::Secret;
use super::store::{interval, secrets};

/// Maximum number of attempts of an instance at the same time: for all webhooks, for one that
/// works, and for one that fails. So receivers that are slow or do not answer leave room for the
/// others.
pub(super) const AT_ONCE: i64 = 256;
const OF_ONE: i32 = 8;
const OF_FAILING: i32 = 1;

/// A delivery that this instance sends now.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) id: Uuid,
    pub(super) webhook: Uuid,
    /// Attempts so far, with this one.
    pub(super) attempts: i32,
    /// Those of the present schedule.
    pub(super) tries: i32,
    /// The time of the event.
    pub(super) at: Timestamp,
    pub(super) body: String,
    pub(super) url: String,
    pub(super) secrets: Vec<Secret>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    webhook_id: Uuid,
    number: i64,
    rank: i16,
    attempts: i32,
    tries: i32,
    at: Timestamp,
    body: String,
    url: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
}

/// Takes deliveries, in the order of the feed. `busy` has the numbers of attempts that are under
/// way in this instance, by webhook.
pub(super) async fn claim(
    pool: &PgPool,
    busy: &HashMap<Uuid, i32>,
    lease: Duration,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let under_way: i64 = busy.values().copied().map(i64::from).sum();
    let room = AT_ONCE - under_way;
    if room <= 0 {
        return Ok(Vec::new());
    }
    let (webhooks, counts): (Vec<Uuid>, Vec<i32>) = busy.iter().unzip();
    let mut rows: Vec<Row> = sqlx::query_as(include_str!("claim.sql"))
        .bind(OF_ONE)
        .bind(OF_FAILING)
        .bind(webhooks)
        .bind(counts)
        .bind(room)
        .bind(interval(lease))
        .fetch_all(pool)
        .await?;
    rows.sort_by_key(|row| (row.number, row.rank));
    let claimed = rows.into_iter().map(|row| Claimed {
        id: row.id,
        webhook: row.webhook_id,
        attempts: row.attempts,
        tries: row.tries,
        at: row.at,
        body: row.body,
        url: row.url,
        secrets: secrets(row.secret, row.old_secret),
    });
    Ok(claimed.collect())
}

/// Returns the time until the next delivery is due, or until a webhook goes on after a pause.
pub(super) async fn next_due(pool: &PgPool) -> Result<Option<Duration>, sqlx::Error> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from least( \
             (select min(next_at) from operations.webhook_delivery \
              where state = 'pending' and next_at > now()), \
             (select min(paused_until) from operations.webhook \
              where state = 'active' and paused_until > now())) - now())::float8",
    )
    .fetch_one(pool)
    .await?;
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}
