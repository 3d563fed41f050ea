//! `/webhooks` and `/webhooks/{id}`: registers, lists and deletes webhooks, and replaces secrets.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use factline_http::{Page, Path, Problem, Query, etag, page};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answers::{Answers, database};

use super::registration_body::{object, read};
use super::shown::{STATES, ShownWebhook};
use super::signature::Secret;
use super::store::{self, Filter, Webhook};

/// Rows of a page: by default, and at most.
pub(crate) const LIMITS: (usize, usize) = (50, 500);

/// The query of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    user_id: Option<String>,
    state: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// Handles `POST /webhooks`.
pub(crate) async fn register(
    State(answers): State<Answers>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let permitted = answers.webhooks.0.sender.permitted;
    let body = object(&headers, body).await?;
    let new = read(&body, permitted)?;
    let url = permitted.read(&new.url);
    let checked = match url {
        Ok(url) => permitted.check(&url).await,
        Err(refused) => Err(refused),
    };
    checked.map_err(|refused| Problem::invalid_request().field("/url", refused.to_string()))?;
    let secret = Secret::generate();
    let most = answers.webhooks.0.options.webhook_max;
    let added = store::insert(&answers.pool, &new, &secret, most).await;
    let added = added.map_err(|error| database(&error))?;
    let added = added
        .ok_or_else(|| too_many().detail(format!("this installation permits {most} webhooks")))?;
    let shown = ShownWebhook::new(added).with_secret(secret.text());
    respond(StatusCode::CREATED, &shown)
}

/// Handles `GET /webhooks`.
pub(crate) async fn list(
    State(answers): State<Answers>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = page::limit(wanted.limit.as_deref(), LIMITS.0, LIMITS.1)?;
    let after: Option<(DateTime<Utc>, Uuid)> = page::after(wanted.after.as_deref())?;
    let is_state = |state: &str| STATES.contains(&state);
    if wanted
        .state
        .as_deref()
        .is_some_and(|state| !is_state(state))
    {
        let problem = Problem::invalid_request();
        return Err(problem.parameter("state", "is not a state of webhooks"));
    }
    let filter = Filter {
        user_id: wanted.user_id,
        state: wanted.state,
        after,
    };
    let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found = store::list(&answers.pool, &filter, rows).await;
    let found = found.map_err(|error| database(&error))?;
    let page = Page::cut(found, limit, |row: &Webhook| (row.created_at, row.id));
    etag::json(&headers, &page.map(ShownWebhook::new))
}

/// Handles `GET /webhooks/{id}`.
pub(crate) async fn webhook(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let found = store::find(&answers.pool, id).await;
    let found = found.map_err(|error| database(&error))?;
    let found = found.ok_or_else(|| no_webhook(id))?;
    etag::json(&headers, &ShownWebhook::new(found))
}

/// Handles `DELETE /webhooks/{id}`.
pub(crate) async fn delete(
    State(answers): State<Answers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let deleted = store::delete(&answers.pool, id).await;
    if deleted.map_err(|error| database(&error))? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(no_webhook(id))
    }
}

/// Handles `POST /webhooks/{id}/secret`.
pub(crate) async fn rotate(
    State(answers): State<Answers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let secret = Secret::generate();
    let rotated = store::rotate(&answers.pool, id, &secret).await;
    let rotated = rotated.map_err(|error| database(&error))?;
    let rotated = rotated.ok_or_else(|| no_webhook(id))?;
    let shown = ShownWebhook::new(rotated).with_secret(secret.text());
    respond(StatusCode::OK, &shown)
}

/// Reads the id in a path.
pub(super) fn webhook_id(id: &str) -> Result<Uuid, Problem> {
    id.parse()
        .map_err(|_| Problem::invalid_request().parameter("id", "is not a UUID"))
}

/// Creates the problem of an unknown webhook.
pub(super) fn no_webhook(id: Uuid) -> Problem {
    Problem::not_found(format!("there is no webhook {id}"))
}

/// Creates the problem of one webhook too many.
pub(crate) fn too_many() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "too-many-webhooks",
        "There are as many webhooks as permitted",
    )
}

/// Returns a response that no cache keeps.
pub(super) fn respond(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_value(body).map_err(|error| Problem::internal(&error))?;
    Ok((status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
