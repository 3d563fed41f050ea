//! `GET /operations/{id}`.

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use chrono::SecondsFormat;
use factline::Timestamp;
use factline_http::{Path, Problem, Query, etag, fallback};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::barrier::{self, Answer, Barrier};
use crate::contracts::Resources;
use crate::hint;
use crate::store::Operation;

/// Path of what the command is about, such as `orders/17`.
const X_RESOURCE: HeaderName = HeaderName::from_static("x-resource");

/// What answers are made from.
#[derive(Clone)]
pub struct Answers {
    /// Finds operations.
    pub barrier: Barrier,
    /// Where clients find aggregates.
    pub resources: Resources,
}

/// The routes.
pub fn router(answers: Answers) -> Router {
    Router::new()
        .route("/operations/{id}", get(operation))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(answers)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    at: Option<String>,
}

/// What a client reads of an operation.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: Uuid,
    name: &'a str,
    state: &'a str,
    /// Null until the end is known.
    success: Option<bool>,
    code: Option<&'a str>,
    reason: Option<&'a str>,
    resource: Option<&'a str>,
    user_id: &'a str,
    version: Option<i64>,
    position: Option<&'a str>,
    created_at: String,
    updated_at: String,
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
            hint::read(&at)
                .filter(|hint| answers.barrier.knows(hint))
                .ok_or_else(|| {
                    Problem::invalid_request().parameter("at", "is not what a Location said")
                })
        })
        .transpose()?;
    match answers.barrier.find(id, hint.as_ref()).await {
        Ok(Answer::Found(operation)) => show(&answers.resources, &headers, &operation),
        Ok(Answer::NotThere) => Err(Problem::not_found(format!("there is no operation {id}"))),
        Ok(Answer::NotCertain) => Err(Problem::unavailable(
            "operations are behind: it is not yet certain whether this one exists",
            1,
        )),
        Err(error) => Err(refusal(&error)),
    }
}

fn show(
    resources: &Resources,
    request: &HeaderMap,
    operation: &Operation,
) -> Result<Response, Problem> {
    let terminal = !matches!(operation.state.as_str(), "pending" | "running");
    let resource = operation
        .resource_id
        .as_deref()
        .and_then(|id| resources.of(&operation.aggregate, id));
    let shown = Shown {
        id: operation.id,
        name: &operation.name,
        state: &operation.state,
        success: terminal.then_some(operation.state == "completed"),
        code: operation.code.as_deref(),
        reason: operation.reason.as_deref(),
        resource: resource.as_deref(),
        user_id: &operation.user_id,
        version: operation.version,
        position: operation.position.as_deref(),
        created_at: instant(operation.created_at),
        // Written by another clock than the creation time.
        updated_at: instant(operation.updated_at.max(operation.created_at)),
    };
    let mut response = etag::json(request, &shown)?;
    let headers = response.headers_mut();
    if !terminal {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // An id that no header can hold is in the body alone.
    if let Some(Ok(resource)) = resource.as_deref().map(HeaderValue::from_str) {
        headers.insert(X_RESOURCE, resource);
    }
    Ok(response)
}

fn instant(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn refusal(error: &barrier::Error) -> Problem {
    match error {
        barrier::Error::Database(sqlx::Error::Database(refused))
            if !is_passing(refused.code().as_deref()) =>
        {
            Problem::internal(error)
        }
        barrier::Error::Database(_) => {
            tracing::warn!(error = error as &dyn Error, "database does not answer");
            Problem::unavailable("the database does not answer", 1)
        }
        barrier::Error::Ends(_) => {
            tracing::warn!(error = error as &dyn Error, "brokers do not answer");
            Problem::unavailable("the brokers do not answer", 1)
        }
    }
}

/// Connection lost, resources short, server stopping: SQLSTATE classes 08, 53 and 57.
fn is_passing(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        ["08", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}
