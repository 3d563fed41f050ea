//! `/webhooks/{id}/deliveries`: lists deliveries, and sends dead letters again.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use factline_http::{Page, Path, Problem, Query, etag, page};
use serde::{Deserialize, Serialize};
use sqlx::{Executor, PgPool, Postgres};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::answers::{Answers, database};

use super::registration::{LIMITS, no_webhook, respond, webhook_id};
use super::registration_body::{count, object};
use super::shown::{DELIVERY_STATES, Delivery, ShownDelivery};
use super::store;

/// Maximum number of dead letters that one request sends again.
pub(crate) const MAX_REDELIVERED: i64 = 10_000;

/// The query of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    state: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// The number of dead letters that were sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Redelivered {
    /// The number of dead letters, up to 10,000.
    #[schema(minimum = 0)]
    count: i64,
    /// Set if they are sent again. Not set if the request had no count.
    redelivered: bool,
}

/// Handles `GET /webhooks/{id}/deliveries`.
pub(crate) async fn list(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let limit = page::limit(wanted.limit.as_deref(), LIMITS.0, LIMITS.1)?;
    let after: Option<(i64, i16)> = page::after(wanted.after.as_deref())?;
    let is_state = |state: &str| DELIVERY_STATES.contains(&state);
    if wanted
        .state
        .as_deref()
        .is_some_and(|state| !is_state(state))
    {
        let problem = Problem::invalid_request();
        return Err(problem.parameter("state", "is not a state of deliveries"));
    }
    known(&answers.pool, id).await?;
    let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found: Result<Vec<Delivery>, _> = sqlx::query_as(include_str!("deliveries.sql"))
        .bind(id)
        .bind(wanted.state)
        .bind(after.map(|(number, _)| number))
        .bind(after.map(|(_, rank)| rank))
        .bind(rows)
        .fetch_all(&answers.pool)
        .await;
    let found = found.map_err(|error| database(&error))?;
    let page = Page::cut(found, limit, |row: &Delivery| (row.number, row.rank));
    etag::json(&headers, &page.map(ShownDelivery::new))
}

/// Handles `POST /webhooks/{id}/deliveries/{delivery}/redeliver`: a delivery that has ended becomes
/// pending again.
pub(crate) async fn redeliver(
    State(answers): State<Answers>,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let delivery: Uuid = delivery
        .parse()
        .map_err(|_| Problem::invalid_request().parameter("delivery", "is not a UUID"))?;
    known(&answers.pool, id).await?;
    let done = async {
        let mut transaction = answers.pool.begin().await?;
        again(&mut *transaction, id, &[delivery]).await?;
        let row: Option<Delivery> = sqlx::query_as(
            "select * from operations.webhook_delivery where webhook_id = $1 and id = $2",
        )
        .bind(id)
        .bind(delivery)
        .fetch_optional(&mut *transaction)
        .await?;
        store::notify(&mut transaction).await?;
        transaction.commit().await?;
        Ok(row)
    };
    let row = done.await.map_err(|error| database(&error))?;
    let row =
        row.ok_or_else(|| Problem::not_found(format!("webhook {id} has no delivery {delivery}")))?;
    respond(StatusCode::OK, &ShownDelivery::new(row))
}

/// Handles `POST /webhooks/{id}/deliveries/redeliver`: sends all dead letters again, if there are
/// as many as the caller expects. Without a count it only counts.
pub(crate) async fn redeliver_all(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let expected = count(&object(&headers, body).await?)?;
    known(&answers.pool, id).await?;
    let done = redeliver_dead(&answers.pool, id, expected).await;
    let count = done.map_err(|error| database(&error))?;
    if let Some(expected) = expected
        && expected != count
    {
        let text = format!("there are {count} dead letters, and the request expects {expected}");
        return Err(count_differs().detail(text).member("count", count));
    }
    let shown = Redelivered {
        count,
        redelivered: expected.is_some(),
    };
    respond(StatusCode::OK, &shown)
}

/// Sends all dead letters of a webhook again, if their number is the expected one. Returns their
/// number.
async fn redeliver_dead(
    pool: &PgPool,
    webhook: Uuid,
    expected: Option<i64>,
) -> Result<i64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let dead: Vec<Uuid> = sqlx::query_scalar(
        "select id from operations.webhook_delivery where webhook_id = $1 and state = 'dead' \
         order by number, rank limit $2 for update",
    )
    .bind(webhook)
    .bind(MAX_REDELIVERED)
    .fetch_all(&mut *transaction)
    .await?;
    let count = i64::try_from(dead.len()).unwrap_or(i64::MAX);
    if expected == Some(count) {
        again(&mut *transaction, webhook, &dead).await?;
        store::notify(&mut transaction).await?;
        transaction.commit().await?;
    }
    Ok(count)
}

/// Makes deliveries that have ended pending again, with a new schedule.
async fn again(
    connection: impl Executor<'_, Database = Postgres>,
    webhook: Uuid,
    deliveries: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update operations.webhook_delivery \
         set state = 'pending', tries = 0, next_at = now(), finished_at = null \
         where webhook_id = $1 and id = any($2) and state <> 'pending'",
    )
    .bind(webhook)
    .bind(deliveries)
    .execute(connection)
    .await?;
    Ok(())
}

/// Refuses an unknown webhook.
async fn known(pool: &PgPool, id: Uuid) -> Result<(), Problem> {
    let found = store::find(pool, id).await;
    let found = found.map_err(|error| database(&error))?;
    found.map(drop).ok_or_else(|| no_webhook(id))
}

/// Creates the problem of a number of dead letters that is not the expected one.
pub(crate) fn count_differs() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "count-differs",
        "There are more or fewer dead letters than the request expects",
    )
}
