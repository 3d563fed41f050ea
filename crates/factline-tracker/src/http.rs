//! `GET /operations/{id}`.

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use chrono::Utc;
use factline_http::openapi::serving;
use factline_http::{Path, Problem, Query, etag, fallback};
use factline_postgres::is_transient;
use serde::Deserialize;
use uuid::Uuid;

use crate::barrier::{self, Answer, Barrier};
use crate::contracts::Resources;
use crate::retention::{Retention, expired};
use crate::shown::Shown;
use crate::store::Found;
use crate::{hint, openapi};

/// Names the path of the aggregate that the command is addressed to, such as `orders/17`.
const X_RESOURCE: HeaderName = HeaderName::from_static("x-resource");

/// The sources of the responses.
#[derive(Clone)]
pub struct Answers {
    /// Finds operations.
    pub barrier: Barrier,
    /// The paths at which clients find aggregates.
    pub resources: Resources,
    /// Time for which operations are kept.
    pub retention: Retention,
}

/// Returns the routes, without a fallback and without their document.
pub fn routes(answers: Answers) -> Router {
    Router::new()
        .route("/operations/{id}", get(operation))
        .with_state(answers)
}

/// Returns the routes, and that of their OpenAPI document. Other requests get 404 or 405.
pub fn router(answers: Answers) -> Router {
    routes(answers)
        .merge(serving::route(openapi::document()))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    at: Option<String>,
}

async fn operation(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(Hint { at }): Query<Hint>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: Uuid = id
        .parse()
        .map_err(|_| Problem::invalid_request().parameter("id", "is not a UUID"))?;
    let hint = at
        .map(|at| {
            hint::read(&at).ok_or_else(|| {
                Problem::invalid_request().parameter("at", "is not a value from a Location header")
            })
        })
        .transpose()?;
    // An address from before the log was copied names a topic that no tracker follows any more.
    let hint = hint.filter(|hint| answers.barrier.knows(hint));
    match answers.barrier.find(id, hint.as_ref()).await {
        Ok(Answer::Found(found)) => show(&answers.resources, &headers, &found),
        Ok(Answer::NotThere) => Err(missing(id, answers.retention)),
        Ok(Answer::NotCertain) => Err(Problem::unavailable(
            "the operations tracker has not caught up yet, so it is not certain whether this \
             operation exists",
            1,
        )),
        Ok(Answer::Busy) => Err(Problem::unavailable(
            "too many requests wait for operations that are not there yet",
            1,
        )),
        Err(error) => Err(refusal(&error)),
    }
}

/// Creates the problem of an operation that has no row.
fn missing(id: Uuid, retention: Retention) -> Problem {
    let Some(days) = retention.kept_days() else {
        return Problem::not_found(format!("there is no operation {id}"));
    };
    if retention.may_have_deleted(id, Utc::now()) {
        let text = format!(
            "there is no operation {id}, and operations are kept for {days} days after their end"
        );
        return expired().detail(text);
    }
    Problem::not_found(format!(
        "there is no operation {id}; operations are kept for {days} days after their end"
    ))
}

fn show(resources: &Resources, request: &HeaderMap, found: &Found) -> Result<Response, Problem> {
    let shown = Shown::new(found, resources);
    // The tag is computed from the body, so it changes with each child.
    let mut response = etag::json(request, &shown)?;
    let headers = response.headers_mut();
    if !found.operation.has_ended() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // A path of a contract that a header cannot contain is in the body only.
    if let Some(Ok(resource)) = shown.resource.as_deref().map(HeaderValue::from_str) {
        headers.insert(X_RESOURCE, resource);
    }
    Ok(response)
}

fn refusal(error: &barrier::Error) -> Problem {
    match error {
        barrier::Error::Database(database) if !is_transient(database) => Problem::internal(error),
        barrier::Error::Database(_) => {
            tracing::warn!(error = error as &dyn Error, "database is unavailable");
            Problem::unavailable("the database does not answer", 1)
        }
        // Logged where the question is asked, once for all look-ups that wait.
        barrier::Error::Ends(_) => Problem::unavailable("the brokers do not answer", 1),
    }
}
