//! Writes the results of attempts.

use std::time::Duration;

use chrono::Utc;
use reqwest::StatusCode;
use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::claim::Claimed;
use super::retry::Schedule;
use super::store::interval;

/// The result of an attempt.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) delivery: Claimed,
    pub(super) status: Option<StatusCode>,
    /// Description of a failure.
    pub(super) error: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// The next step of a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    Delivered,
    Retry(Duration),
    Dead,
}

impl Attempted {
    fn is_gone(&self) -> bool {
        self.status == Some(StatusCode::GONE)
    }

    /// Returns the time for which the receiver wants nothing, after a failure.
    fn asks_for_pause(&self) -> Option<Duration> {
        self.retry_after.filter(|_| self.error.is_some())
    }

    fn next(&self, schedule: &Schedule) -> Next {
        if self.status.is_some_and(|status| status.is_success()) {
            return Next::Delivered;
        }
        if self.is_gone() {
            return Next::Dead;
        }
        let wait = schedule.after(self.delivery.tries, self.retry_after, rand::random());
        wait.map_or(Next::Dead, Next::Retry)
    }
}

/// Writes the results in one transaction, and disables webhooks whose receivers are gone or have
/// failed for long. A result that comes after the end of its lease changes nothing. Returns the
/// number of webhooks that were disabled.
pub(super) async fn write(
    pool: &PgPool,
    attempted: &[Attempted],
    schedule: &Schedule,
    disable_days: u32,
) -> Result<u64, sqlx::Error> {
    let nexts: Vec<Next> = attempted.iter().map(|one| one.next(schedule)).collect();
    let mut transaction = pool.begin().await?;
    write_deliveries(&mut transaction, attempted, &nexts).await?;
    let webhooks = |wanted: fn(&Attempted, Next) -> bool| -> Vec<Uuid> {
        let each = attempted.iter().zip(&nexts);
        let wanted = each.filter(|(one, next)| wanted(one, **next));
        wanted.map(|(one, _)| one.delivery.webhook).collect()
    };
    let works = webhooks(|_, next| next == Next::Delivered);
    let fails = webhooks(|_, next| next != Next::Delivered);
    let gone = webhooks(|one, _| one.is_gone());
    let paused = webhooks(|one, _| one.is_gone() || one.asks_for_pause().is_some());
    lock(&mut transaction, [&works, &fails, &paused], disable_days).await?;
    set_failing(&mut transaction, &works, &fails).await?;
    pause(&mut transaction, attempted, schedule).await?;
    let mut disabled = disable(&mut transaction, &gone, "gone", 0).await?;
    disabled += disable(&mut transaction, &fails, "failing", disable_days).await?;
    transaction.commit().await?;
    if disabled > 0 {
        tracing::warn!(count = disabled, "webhooks were disabled");
    }
    attempted
        .iter()
        .zip(nexts)
        .for_each(|(one, next)| count(one, next));
    Ok(disabled)
}

async fn write_deliveries(
    transaction: &mut PgConnection,
    attempted: &[Attempted],
    nexts: &[Next],
) -> Result<(), sqlx::Error> {
    let state = |next: &Next| match next {
        Next::Delivered => "delivered",
        Next::Retry(_) => "pending",
        Next::Dead => "dead",
    };
    let wait = |next: &Next| match next {
        Next::Retry(wait) => interval(*wait),
        Next::Delivered | Next::Dead => interval(Duration::ZERO),
    };
    let ids: Vec<Uuid> = attempted.iter().map(|one| one.delivery.id).collect();
    let attempts: Vec<i32> = attempted.iter().map(|one| one.delivery.attempts).collect();
    let states: Vec<&str> = nexts.iter().map(state).collect();
    let waits: Vec<PgInterval> = nexts.iter().map(wait).collect();
    let code = |one: &Attempted| one.status.map(|status| i32::from(status.as_u16()));
    let codes: Vec<Option<i32>> = attempted.iter().map(code).collect();
    let errors: Vec<Option<&str>> = attempted.iter().map(|one| one.error.as_deref()).collect();
    sqlx::query(include_str!("finish.sql"))
        .bind(ids)
        .bind(attempts)
        .bind(states)
        .bind(waits)
        .bind(codes)
        .bind(errors)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Locks the webhooks that change, in one order: those that work again, begin to fail, have failed
/// for long, or want no event for a time. So two instances do not wait for each other. Others are
/// not locked, because [`enqueue`](super::enqueue) passes over what is.
async fn lock(
    transaction: &mut PgConnection,
    [works, fails, paused]: [&[Uuid]; 3],
    disable_days: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select from operations.webhook \
         where (id = any($1) and failing_since is not null) \
            or (id = any($2) and (failing_since is null \
                or failing_since <= now() - make_interval(days => $4))) \
            or id = any($3) \
         order by id for update",
    )
    .bind(works)
    .bind(fails)
    .bind(paused)
    .bind(i32::try_from(disable_days).unwrap_or(i32::MAX))
    .execute(transaction)
    .await?;
    Ok(())
}

async fn set_failing(
    transaction: &mut PgConnection,
    works: &[Uuid],
    fails: &[Uuid],
) -> Result<(), sqlx::Error> {
    if !works.is_empty() {
        sqlx::query(
            "update operations.webhook set failing_since = null \
             where id = any($1) and failing_since is not null",
        )
        .bind(works)
        .execute(&mut *transaction)
        .await?;
    }
    if !fails.is_empty() {
        sqlx::query(
            "update operations.webhook set failing_since = now() \
             where id = any($1) and failing_since is null",
        )
        .bind(fails)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

/// Pauses the webhooks whose receivers ask for it. A receiver that is overloaded gets no other
/// event in between.
async fn pause(
    transaction: &mut PgConnection,
    attempted: &[Attempted],
    schedule: &Schedule,
) -> Result<(), sqlx::Error> {
    let asked = attempted.iter().filter_map(|one| {
        let wait = schedule.bounded(one.asks_for_pause()?);
        Some((one.delivery.webhook, interval(wait)))
    });
    let (webhooks, waits): (Vec<Uuid>, Vec<PgInterval>) = asked.unzip();
    if webhooks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update operations.webhook set paused_until = greatest(paused_until, now() + asked.wait) \
         from (select id, max(wait) as wait \
               from unnest($1::uuid[], $2::interval[]) as each (id, wait) group by id) as asked \
         where webhook.id = asked.id",
    )
    .bind(webhooks)
    .bind(waits)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Disables those webhooks that have failed for a number of days. Returns their number.
async fn disable(
    transaction: &mut PgConnection,
    webhooks: &[Uuid],
    reason: &'static str,
    days: u32,
) -> Result<u64, sqlx::Error> {
    if webhooks.is_empty() {
        return Ok(0);
    }
    let disabled = sqlx::query(
        "update operations.webhook set state = 'disabled', reason = $2, disabled_at = now() \
         where id = any($1) and state = 'active' \
           and failing_since <= now() - make_interval(days => $3)",
    )
    .bind(webhooks)
    .bind(reason)
    .bind(i32::try_from(days).unwrap_or(i32::MAX))
    .execute(transaction)
    .await?;
    let disabled = disabled.rows_affected();
    metrics::counter!("factline_webhooks_disabled_total", "reason" => reason).increment(disabled);
    Ok(disabled)
}

fn count(one: &Attempted, next: Next) {
    let result = match next {
        Next::Delivered => "delivered",
        Next::Retry(_) => "failed",
        Next::Dead => "dead",
    };
    metrics::counter!("factline_webhook_attempts_total", "result" => result).increment(1);
    if next == Next::Delivered {
        let late = (Utc::now() - one.delivery.at).as_seconds_f64().max(0.0);
        metrics::histogram!("factline_webhook_delay_seconds").record(late);
    }
}
