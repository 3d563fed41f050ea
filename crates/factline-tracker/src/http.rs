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
use factline_http::openapi::serving;
use factline_http::{Path, Problem, Query, etag, fallback};
use factline_postgres::is_transient;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::barrier::{self, Answer, Barrier};
use crate::contracts::Resources;
use crate::store::Found;
use crate::tree::{Tree, tree};
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

/// An operation as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shown<'a> {
    /// Its id.
    id: Uuid,
    /// Its origin: a client's or policy's command, or a deadline that came due.
    #[schema(schema_with = openapi::kind)]
    kind: &'a str,
    /// The type of the command, or the name of the deadline.
    name: &'a str,
    /// Its state. It changes no more once it is neither `pending` nor `running`.
    #[schema(schema_with = openapi::state)]
    state: &'a str,
    /// Null until the operation has ended.
    #[schema(required)]
    success: Option<bool>,
    /// The stable code of a refusal or failure.
    #[schema(required)]
    code: Option<&'a str>,
    /// The code's explanation, for people.
    #[schema(required)]
    reason: Option<&'a str>,
    /// The address of the resource that the command is about, relative to the origin.
    #[schema(required)]
    resource: Option<String>,
    /// The user who sent the command.
    user_id: &'a str,
    /// The resource's version after the decision.
    #[schema(required)]
    version: Option<i64>,
    /// The value of `Factline-Position` for a read that shows what the operation wrote.
    #[schema(required)]
    position: Option<&'a str>,
    /// The operation whose fact led to this one.
    #[schema(required)]
    parent: Option<Uuid>,
    /// The operation that began the workflow.
    #[schema(required)]
    root: Option<Uuid>,
    /// The operation that this one repeats.
    #[schema(required)]
    retry_of: Option<Uuid>,
    /// The time of acceptance.
    #[schema(format = DateTime)]
    created_at: String,
    /// The time of the current state.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The operations that it led to, oldest first.
    #[schema(schema_with = openapi::children)]
    children: Vec<Self>,
    /// Set on the requested operation if it has more descendants than are shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    children_truncated: bool,
}

impl<'a> Shown<'a> {
    /// Returns an operation with its descendants.
    pub fn of(tree: &Tree<'a>, resources: &Resources) -> Self {
        let operation = tree.operation;
        let resource_id = operation.resource_id.as_deref();
        Self {
            id: operation.id,
            kind: &operation.kind,
            name: &operation.name,
            state: &operation.state,
            success: operation
                .has_ended()
                .then_some(operation.state == "completed"),
            code: operation.code.as_deref(),
            reason: operation.reason.as_deref(),
            resource: resource_id.and_then(|id| resources.of(&operation.aggregate, id)),
            user_id: &operation.user_id,
            version: operation.version,
            position: operation.position.as_deref(),
            parent: operation.parent,
            root: operation.root,
            retry_of: operation.retry_of,
            created_at: instant(operation.created_at),
            // This time is from another clock than the creation time.
            updated_at: instant(operation.updated_at.max(operation.created_at)),
            children: tree
                .children
                .iter()
                .map(|child| Self::of(child, resources))
                .collect(),
            children_truncated: false,
        }
    }
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
                    Problem::invalid_request()
                        .parameter("at", "is not a value from a Location header")
                })
        })
        .transpose()?;
    match answers.barrier.find(id, hint.as_ref()).await {
        Ok(Answer::Found(found)) => show(&answers.resources, &headers, &found),
        Ok(Answer::NotThere) => Err(Problem::not_found(format!("there is no operation {id}"))),
        Ok(Answer::NotCertain) => Err(Problem::unavailable(
            "the operations tracker has not caught up yet, so it is not certain whether this \
             operation exists",
            1,
        )),
        Err(error) => Err(refusal(&error)),
    }
}

fn show(resources: &Resources, request: &HeaderMap, found: &Found) -> Result<Response, Problem> {
    let (tree, children_truncated) = tree(found);
    let shown = Shown {
        children_truncated,
        ..Shown::of(&tree, resources)
    };
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

fn instant(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn refusal(error: &barrier::Error) -> Problem {
    match error {
        barrier::Error::Database(database) if !is_transient(database) => Problem::internal(error),
        barrier::Error::Database(_) => {
            tracing::warn!(error = error as &dyn Error, "database is unavailable");
            Problem::unavailable("the database does not answer", 1)
        }
        barrier::Error::Ends(_) => {
            tracing::warn!(error = error as &dyn Error, "brokers are unavailable");
            Problem::unavailable("the brokers do not answer", 1)
        }
    }
}
