//! The OpenAPI document of all services, and the page that shows it.
//!
//! Each service describes itself at `/openapi.json`. The gateway joins these documents and adds its
//! own problems. It keeps the result for a few seconds, also if there is none, so that a new
//! version of a service appears by itself. If a service does not answer, there is no document: a
//! part would look like the whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use factline_http::openapi::{Document, merge, serving};
use factline_http::{Problem, etag};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::Upstreams;
use crate::upstream::{self, Upstream};

/// Time for which the document is kept.
const KEPT: Duration = Duration::from_secs(5);

/// Time limit for a service to send its document.
const PATIENCE: Duration = Duration::from_secs(3);

/// Maximum size of the document of one service.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The document of all services.
pub struct Description {
    title: String,
    upstreams: Upstreams,
    /// The lock also lets only one request at a time ask the services.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The result of the last request to the services, and its time.
    last: Option<(Instant, Result<Arc<Value>, Problem>)>,
    /// The last document that was complete.
    complete: Option<Arc<Value>>,
}

impl Description {
    /// Asks no service yet.
    pub fn new(upstreams: Upstreams, title: String) -> Self {
        Self {
            title,
            upstreams,
            kept: Mutex::default(),
        }
    }

    /// Returns the document, which is at most some seconds old.
    async fn current(&self) -> Result<Arc<Value>, Problem> {
        let mut kept = self.kept.lock().await;
        if let Some((time, result)) = &kept.last
            && time.elapsed() < KEPT
        {
            return result.clone();
        }
        let started = Instant::now();
        let result = joined(self).await.map(Arc::new);
        if let Ok(document) = &result {
            kept.complete = Some(Arc::clone(document));
        }
        kept.last = Some((started, result.clone()));
        result
    }

    /// Returns the latest document that was complete, however old: what a path is does not change
    /// while a service is unavailable.
    pub(crate) async fn latest(&self) -> Option<Arc<Value>> {
        if let Ok(document) = self.current().await {
            return Some(document);
        }
        self.kept.lock().await.complete.clone()
    }
}

/// Returns the routes of the document and of the page.
pub fn routes(description: Arc<Description>) -> Router {
    Router::new()
        .route(serving::PATH, get(document))
        .with_state(description)
        .merge(serving::docs())
}

async fn document(
    State(description): State<Arc<Description>>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let document = description.current().await?;
    etag::json(&request, &*document)
}

async fn joined(sources: &Description) -> Result<Value, Problem> {
    let [commands, operations, reads] = sources.upstreams.all();
    let (commands, operations, reads) = tokio::join!(part(commands), part(operations), part(reads));
    let mut missing = Vec::new();
    let mut parts = vec![own()];
    for part in [commands, operations, reads] {
        match part {
            Ok(part) => parts.push(part),
            Err(why) => missing.push(why),
        }
    }
    if !missing.is_empty() {
        let detail = format!("the description is not complete: {}", missing.join("; "));
        return Err(Problem::unavailable(detail, upstream::RETRY_AFTER));
    }
    let document = merge(&sources.title, parts);
    let mut document = document.map_err(|error| Problem::internal(&error))?;
    for problem in problems() {
        let response = json!({"$ref": format!("#/components/responses/{}", problem.slug())});
        let status = problem.status();
        merge::add_response(&mut document, status.as_str(), &response);
    }
    Ok(document)
}

/// Returns the problems of the gateway that no service has.
fn problems() -> [Problem; 4] {
    [
        Problem::too_many_requests("", 1),
        upstream::failed(),
        upstream::timed_out(),
        upstream::loop_detected(),
    ]
}

/// Returns the components of the gateway's own responses.
fn own() -> Value {
    let mut document = Document::new("Gateway");
    for problem in problems() {
        document.problem(&[&problem]);
    }
    document.build()
}

/// Returns the document of a service. The error names the service and the cause.
async fn part(upstream: &Upstream) -> Result<Value, String> {
    let read = async {
        let response = upstream.get(serving::PATH).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("responded with {}", response.status()));
        }
        let body = to_bytes(response.into_body(), MAX_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body).map_err(|error| format!("sent no document: {error}"))
    };
    upstream::within(PATIENCE, read)
        .await
        .map_err(|why| format!("{}: {why}", upstream.name()))
}
