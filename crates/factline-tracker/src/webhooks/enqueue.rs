//! Writes the deliveries of webhooks from the feed.
//!
//! The deliveries of a page of the feed and the positions of the webhooks are written in one
//! transaction, which locks the webhooks. So each transition is written once, whichever instances
//! die or do the same. An instance passes over the webhooks that another one has locked.
//!
//! Webhooks near the end of the feed go together, at the cost of one. Those that are far behind,
//! such as one that was enabled again, get a page in each round, so that they hold up no others.

use std::time::Duration;

use factline::Timestamp;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::contracts::Resources;
use crate::feed::{self, Change, PAGE};

use super::event;
use super::full::Full;

/// Number of rows after which a page ends early, with a whole change. It bounds the memory and the
/// transaction of a page, however many webhooks there are.
const MAX_ROWS: usize = 5_000;

/// Number of changes by which webhooks that go together may be apart.
const NEAR: i64 = PAGE.cast_signed() as i64;

/// A webhook that the transaction has locked.
#[derive(Debug, FromRow)]
struct Behind {
    id: Uuid,
    events: Vec<String>,
    user_id: Option<String>,
    position: i64,
}

/// The progress of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All webhooks that are not locked are at the end.
    AtEnd,
    /// There may be more changes.
    More,
}

/// Writes the deliveries of a page of the feed for the webhooks near its end, and of a page for
/// those far behind.
pub(super) async fn round(
    pool: &PgPool,
    resources: &Resources,
    full: &mut Full,
) -> Result<Progress, sqlx::Error> {
    let is_behind: bool = sqlx::query_scalar(
        "select exists (select 1 from operations.webhook where state = 'active' \
             and position < (select max(number) from operations.feed))",
    )
    .fetch_one(pool)
    .await?;
    if !is_behind {
        return Ok(Progress::AtEnd);
    }
    let near = page(pool, resources, full, Group::Near).await?;
    let far = page(pool, resources, full, Group::Far).await?;
    Ok(match (near, far) {
        (Progress::AtEnd, Progress::AtEnd) => Progress::AtEnd,
        _ => Progress::More,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Near,
    Far,
}

async fn page(
    pool: &PgPool,
    resources: &Resources,
    full: &mut Full,
    group: Group,
) -> Result<Progress, sqlx::Error> {
    let excluded = full.webhooks(pool).await?;
    let mut transaction = pool.begin().await?;
    let range = feed::range(&mut transaction).await?;
    let limit = range.last - NEAR;
    let (from, to) = match group {
        Group::Near => (limit, range.last),
        Group::Far => (i64::MIN, limit),
    };
    let behind: Vec<Behind> = sqlx::query_as(include_str!("behind.sql"))
        .bind(from)
        .bind(to)
        .bind(excluded)
        .fetch_all(&mut *transaction)
        .await?;
    let Some(first) = behind.iter().map(|webhook| webhook.position).min() else {
        return Ok(Progress::AtEnd);
    };
    let changes = feed::after(&mut transaction, first).await?;
    // Changes may have been deleted until they were read.
    let before = feed::range(&mut transaction).await?.before;
    if first < before {
        mark_lost(&mut transaction, &behind, before).await?;
    }
    // A page that is not full is the last one, also if the operations of later changes are deleted.
    let is_full = changes.len() >= PAGE;
    let end = match changes.last() {
        Some(last) if is_full => last.number,
        Some(last) => last.number.max(range.last),
        None => range.last,
    };
    let (rows, cut) = Rows::of(&behind, &changes, resources, MAX_ROWS);
    let end = cut.unwrap_or(end);
    let written = rows.ids.len();
    rows.insert(&mut transaction).await?;
    let ids: Vec<Uuid> = behind.iter().map(|webhook| webhook.id).collect();
    sqlx::query("update operations.webhook set position = $2 where id = any($1) and position < $2")
        .bind(ids)
        .bind(end)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    full.written(written);
    Ok(if is_full || cut.is_some() {
        Progress::More
    } else {
        Progress::AtEnd
    })
}

/// Notes that webhooks have lost the changes that the feed no longer has.
async fn mark_lost(
    transaction: &mut PgConnection,
    behind: &[Behind],
    before: i64,
) -> Result<(), sqlx::Error> {
    let lost = behind.iter().filter(|webhook| webhook.position < before);
    let ids: Vec<Uuid> = lost.map(|webhook| webhook.id).collect();
    tracing::warn!(
        webhooks = ?ids,
        "webhooks were behind for longer than the feed is kept and lose events"
    );
    sqlx::query(
        "update operations.webhook set lost_before = \
             (select at from operations.feed order by number limit 1) where id = any($1)",
    )
    .bind(ids)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Deliveries that are to be written, by column.
#[derive(Debug, Default)]
struct Rows {
    ids: Vec<Uuid>,
    webhooks: Vec<Uuid>,
    numbers: Vec<i64>,
    ranks: Vec<i16>,
    operations: Vec<Uuid>,
    events: Vec<String>,
    times: Vec<Timestamp>,
    bodies: Vec<String>,
}

impl Rows {
    /// Selects the transitions that each webhook wants. Ends with the change that reaches `most`
    /// rows, and returns its number.
    fn of(
        behind: &[Behind],
        changes: &[Change],
        resources: &Resources,
        most: usize,
    ) -> (Self, Option<i64>) {
        let mut rows = Self::default();
        for change in changes {
            for transition in change.transitions() {
                let event = event::name(transition.state);
                let wants = |webhook: &&Behind| {
                    let user = webhook.user_id.as_ref();
                    webhook.position < change.number
                        && webhook.events.contains(&event)
                        && user.is_none_or(|user| *user == change.operation.user_id)
                };
                let mut body = None;
                for webhook in behind.iter().filter(wants) {
                    let body = body.get_or_insert_with(|| {
                        event::body(&change.operation, &transition, resources)
                    });
                    rows.ids
                        .push(event::id(webhook.id, change.operation.id, transition.rank));
                    rows.webhooks.push(webhook.id);
                    rows.numbers.push(change.number);
                    rows.ranks.push(transition.rank);
                    rows.operations.push(change.operation.id);
                    rows.events.push(event.clone());
                    rows.times.push(transition.at);
                    rows.bodies.push(body.clone());
                }
            }
            if rows.ids.len() >= most {
                return (rows, Some(change.number));
            }
        }
        (rows, None)
    }

    async fn insert(self, transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.ids.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("enqueue.sql"))
            .bind(self.ids)
            .bind(self.webhooks)
            .bind(self.numbers)
            .bind(self.ranks)
            .bind(self.operations)
            .bind(self.events)
            .bind(self.times)
            .bind(self.bodies)
            .execute(transaction)
            .await?;
        Ok(())
    }
}

/// The longest time for which an instance does not look for changes, in case a notification is lost
/// with its connection, or another instance dies while it has the locks.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
