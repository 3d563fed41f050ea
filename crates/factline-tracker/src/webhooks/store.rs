//! Webhooks in PostgreSQL. `enqueue`, `claim` and `finish` write their deliveries.

use std::time::Duration;

use factline::Timestamp;
use factline_postgres::checkpoint::CHANNEL;
use sqlx::postgres::types::PgInterval;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::CHANGED;
use super::signature::Secret;

/// Hours for which the secret before signs beside the present one.
const OLD_SECRET_HOURS: i32 = 24;

/// Time between two challenges of a webhook.
const CHALLENGE_PAUSE: Duration = Duration::from_secs(1);

macro_rules! columns {
    () => {
        "id, url, events, user_id, state, reason, disabled_at, lost_before, failing_since, \
         old_secret_until, created_at"
    };
}

/// A webhook, without its secrets.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Webhook {
    pub(super) id: Uuid,
    pub(super) url: String,
    pub(super) events: Vec<String>,
    pub(super) user_id: Option<String>,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) disabled_at: Option<Timestamp>,
    pub(super) lost_before: Option<Timestamp>,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) old_secret_until: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

/// A webhook that is to be registered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) url: String,
    pub(super) events: Vec<String>,
    pub(super) user_id: Option<String>,
}

/// Selects webhooks of a list.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) user_id: Option<String>,
    pub(super) state: Option<String>,
    /// The last one of the page before.
    pub(super) after: Option<(Timestamp, Uuid)>,
}

/// Adds a webhook, which gets nothing yet. Returns none if there are `most` already.
pub(super) async fn insert(
    pool: &PgPool,
    new: &New,
    secret: &Secret,
    most: u32,
) -> Result<Option<Webhook>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let query = concat!(
        "insert into operations.webhook (id, url, events, user_id, state, secret) \
         select $1, $2, $3, $4, 'unverified', $5 \
         where (select count(*) from operations.webhook where state <> 'deleted') < $6 returning ",
        columns!()
    );
    let added = sqlx::query_as(query)
        .bind(Uuid::now_v7())
        .bind(&new.url)
        .bind(&new.events)
        .bind(&new.user_id)
        .bind(secret.as_bytes())
        .bind(i64::from(most))
        .fetch_optional(&mut *transaction)
        .await?;
    // An instance deletes it if it is not enabled.
    notify(&mut transaction).await?;
    transaction.commit().await?;
    Ok(added)
}

/// Finds a webhook.
pub(super) async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Webhook>, sqlx::Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from operations.webhook where id = $1 and state <> 'deleted'"
    );
    sqlx::query_as(query).bind(id).fetch_optional(pool).await
}

/// Returns the webhooks of a page, the newest first.
pub(super) async fn list(
    pool: &PgPool,
    filter: &Filter,
    rows: i64,
) -> Result<Vec<Webhook>, sqlx::Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from operations.webhook where state <> 'deleted' \
           and ($1::text is null or user_id = $1) and ($2::text is null or state = $2) \
           and ($3::timestamptz is null or (created_at, id) < ($3, $4)) \
         order by created_at desc, id desc limit $5"
    );
    sqlx::query_as(query)
        .bind(&filter.user_id)
        .bind(&filter.state)
        .bind(filter.after.map(|(at, _)| at))
        .bind(filter.after.map(|(_, id)| id))
        .bind(rows)
        .fetch_all(pool)
        .await
}

/// Deletes a webhook. Its deliveries are deleted later. Returns whether there was one.
pub(super) async fn delete(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let deleted = sqlx::query(
        "update operations.webhook set state = 'deleted', secret = '', old_secret = null \
         where id = $1 and state <> 'deleted'",
    )
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    notify(&mut transaction).await?;
    transaction.commit().await?;
    Ok(deleted.rows_affected() > 0)
}

/// Deletes webhooks that were registered before a time and never enabled.
pub(super) async fn delete_unverified(pool: &PgPool, before: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update operations.webhook set state = 'deleted', secret = '', old_secret = null \
         where state = 'unverified' and created_at < $1",
    )
    .bind(before)
    .execute(pool)
    .await?;
    Ok(())
}

/// Replaces the secret of a webhook.
pub(super) async fn rotate(
    pool: &PgPool,
    id: Uuid,
    secret: &Secret,
) -> Result<Option<Webhook>, sqlx::Error> {
    let query = concat!(
        "update operations.webhook set old_secret = secret, secret = $2, \
             old_secret_until = now() + make_interval(hours => $3) \
         where id = $1 and state <> 'deleted' returning ",
        columns!()
    );
    sqlx::query_as(query)
        .bind(id)
        .bind(secret.as_bytes())
        .bind(OLD_SECRET_HOURS)
        .fetch_optional(pool)
        .await
}

/// The address of a webhook and the secrets that sign.
#[derive(FromRow)]
struct Target {
    url: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
}

/// Begins a challenge. Returns the address and the secrets, or none if there was a challenge a
/// moment ago.
pub(super) async fn begin_challenge(
    pool: &PgPool,
    id: Uuid,
) -> Result<Option<(String, Vec<Secret>)>, sqlx::Error> {
    let target: Option<Target> = sqlx::query_as(
        "update operations.webhook set challenged_at = now() \
         where id = $1 and state <> 'deleted' \
           and (challenged_at is null or challenged_at < now() - $2) \
         returning url, secret, \
             case when old_secret_until > now() then old_secret end as old_secret",
    )
    .bind(id)
    .bind(interval(CHALLENGE_PAUSE))
    .fetch_optional(pool)
    .await?;
    Ok(target.map(|target| (target.url, secrets(target.secret, target.old_secret))))
}

/// Makes a webhook active. A new one gets the changes from now on. One that was disabled gets those
/// that it has missed, as far as the feed has them.
pub(super) async fn activate(pool: &PgPool, id: Uuid) -> Result<Option<Webhook>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let query = concat!(
        "update operations.webhook set state = 'active', reason = null, disabled_at = null, \
             failing_since = null, paused_until = null, \
             position = case when state = 'unverified' \
                 then (select coalesce(max(number), 0) from operations.feed) else position end \
         where id = $1 and state <> 'deleted' returning ",
        columns!()
    );
    let activated = sqlx::query_as(query)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    notify(&mut transaction).await?;
    transaction.commit().await?;
    Ok(activated)
}

/// Tells all instances, with the commit, that webhooks or their deliveries have changed.
pub(super) async fn notify(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(CHANGED)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Returns the secrets that sign, the present one first.
pub(super) fn secrets(present: Vec<u8>, old: Option<Vec<u8>>) -> Vec<Secret> {
    let secrets = [Some(present), old].into_iter().flatten();
    secrets.map(Secret::from_row).collect()
}

/// Returns a time for a statement.
pub(super) fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
