//! The sources of the responses, and the response that shows an operation.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use chrono::Utc;
use factline::Timestamp;
use factline_http::accepted::X_RESOURCE;
use factline_http::{Problem, etag};
use factline_postgres::is_transient;
use serde::Deserialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::barrier::{self, Answer, Barrier};
use crate::cancel::writer::Cancels;
use crate::contracts::Resources;
use crate::hint;
use crate::observation::RecordId;
use crate::retention::{Retention, expired};
use crate::shown::Shown;
use crate::store::{Found, Operation};
use crate::stream::permits::Streams;
use crate::visible::Views;
use crate::visible::samples::Samples;
use crate::watch::Watch;
use crate::webhooks::Webhooks;
use crate::workflow::Workflows;

/// The longest time after which a client is told to look again, in seconds.
const LONGEST_RETRY: i64 = 30;

/// The sources of the responses. Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    /// The database.
    pub pool: PgPool,
    /// Writes cancels.
    pub cancels: Arc<Cancels>,
    /// Finds operations.
    pub barrier: Barrier,
    /// Wakes requests when an operation has changed.
    pub watch: Watch,
    /// Maximum time that a request waits for the end of an operation.
    pub max_wait: Duration,
    /// The open streams.
    pub streams: Streams,
    /// The times until operations were visible.
    pub samples: Samples,
    /// The views in which operations become visible.
    pub views: Views,
    /// The paths at which clients find aggregates.
    pub resources: Resources,
    /// The steps of workflows.
    pub workflows: Workflows,
    /// Time for which operations are kept.
    pub retention: Retention,
    /// The webhooks.
    pub webhooks: Webhooks,
    /// Ends waits and streams.
    pub shutdown: CancellationToken,
}

/// The query of a request about one operation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hint {
    pub(crate) at: Option<String>,
}

/// A request for one operation.
pub(crate) struct Asked<'a> {
    pub(crate) id: Uuid,
    pub(crate) hint: Option<RecordId>,
    /// Set if the client asks in which views the operation is visible.
    pub(crate) views: bool,
    pub(crate) headers: &'a HeaderMap,
}

/// Reads the id in a path.
pub(crate) fn operation_id(id: &str) -> Result<Uuid, Problem> {
    id.parse()
        .map_err(|_| Problem::invalid_request().parameter("id", "is not a UUID"))
}

/// Reads the hint in a query.
pub(crate) fn read_hint(answers: &Answers, at: Option<&str>) -> Result<Option<RecordId>, Problem> {
    let wrong =
        || Problem::invalid_request().parameter("at", "is not a value from a Location header");
    let hint = at.map(|at| hint::read(at).ok_or_else(wrong)).transpose()?;
    // An address from before the log was copied names a topic that no tracker follows any more.
    Ok(hint.filter(|hint| answers.barrier.knows(hint)))
}

/// Looks at an operation. The future of a look is large, so it is not part of those of requests
/// that wait.
pub(crate) async fn look(answers: &Answers, asked: &Asked<'_>) -> Result<Answer, barrier::Error> {
    Box::pin(answers.barrier.find(asked.id, asked.hint.as_ref())).await
}

/// Returns the response to a look-up.
pub(crate) async fn respond(
    answers: &Answers,
    asked: &Asked<'_>,
    answer: Result<Answer, barrier::Error>,
) -> Result<Response, Problem> {
    let found = found(answers, asked.id, answer)?;
    let visible = if asked.views {
        let position = found.operation.position.as_deref();
        let position = position.and_then(|position| position.parse().ok());
        let position = position.unwrap_or_default();
        let views = Box::pin(answers.views.show(&answers.pool, &position)).await;
        Some(views.map_err(|error| database(&error))?)
    } else {
        None
    };
    let mut shown = Shown::new(&found, &answers.resources);
    shown.visible = visible;
    shown.steps = answers.workflows.steps(&found);
    show(asked.headers, &found, &shown)
}

/// Returns the operation of a look-up, or the problem that it has none.
pub(crate) fn found(
    answers: &Answers,
    id: Uuid,
    answer: Result<Answer, barrier::Error>,
) -> Result<Arc<Found>, Problem> {
    match answer {
        Ok(Answer::Found(found)) => Ok(found),
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
        Err(barrier::Error::Database(error)) => Err(database(&error)),
        // Logged where the question is asked, once for all look-ups that wait.
        Err(barrier::Error::Ends(_)) => Err(Problem::unavailable("the brokers do not answer", 1)),
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

fn show(request: &HeaderMap, found: &Found, shown: &Shown<'_>) -> Result<Response, Problem> {
    // The tag is computed from the body, so it changes with each child.
    let mut response = etag::json(request, shown)?;
    let headers = response.headers_mut();
    if !found.operation.has_ended() {
        headers.insert(RETRY_AFTER, retry_after(&found.operation, Utc::now()));
    }
    // A path of a contract that a header cannot contain is in the body only.
    if let Some(Ok(resource)) = shown.resource.as_deref().map(HeaderValue::from_str) {
        headers.insert(X_RESOURCE, resource);
    }
    Ok(response)
}

/// Returns the seconds after which the end is likely. An operation that has been open for a time is
/// likely to stay open for about as long again, so a client looks after half of that time.
fn retry_after(operation: &Operation, now: Timestamp) -> HeaderValue {
    let age = (now - operation.created_at).num_seconds();
    HeaderValue::from((age / 2).clamp(1, LONGEST_RETRY))
}

/// Returns the problem of a failed query.
pub(crate) fn database(error: &sqlx::Error) -> Problem {
    if is_transient(error) {
        tracing::warn!(error = error as &dyn Error, "database is unavailable");
        Problem::unavailable("the database does not answer", 1)
    } else {
        Problem::internal(error)
    }
}
