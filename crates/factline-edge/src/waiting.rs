//! `Prefer: wait=N` on a command: the response waits until the operation has ended.
//!
//! The edge does not know what becomes of a command. It asks the service that serves operations, in
//! this process or behind an address, with the same preference. It asks only after the command is
//! accepted, so whatever goes wrong then, the response is the 202 that it would be without the
//! preference.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use axum::response::Response;
use factline_http::prefer;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Time for which an unused connection is kept. The service closes its end later.
const IDLE: Duration = Duration::from_secs(10);

/// Time limit for a connection. The service is in the same network.
const CONNECT: Duration = Duration::from_secs(2);

/// Time that a response may take longer than the wait.
const GRACE: Duration = Duration::from_secs(2);

/// The service that serves operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations {
    place: Place,
    /// Ends all waits.
    shutdown: CancellationToken,
}

#[derive(Debug, Clone)]
enum Place {
    Here(Router),
    There(Box<Client<HttpConnector, Body>>, Uri),
}

/// The result of a wait.
#[derive(Debug, Default)]
pub(crate) struct Waited {
    /// The operation as JSON, if it has ended.
    pub(crate) ended: Option<Bytes>,
    /// The preference that was followed.
    pub(crate) applied: Option<HeaderValue>,
}

impl Operations {
    /// Asks routes of this process.
    pub fn here(routes: Router, shutdown: CancellationToken) -> Self {
        Self {
            place: Place::Here(routes),
            shutdown,
        }
    }

    /// Asks a service at this origin.
    pub fn there(origin: Uri, shutdown: CancellationToken) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self {
            place: Place::There(Box::new(client), origin),
            shutdown,
        }
    }

    /// Waits until the operation at a location has ended, for at most this time.
    pub(crate) async fn wait(&self, location: &str, wait: Duration) -> Waited {
        let waiting = tokio::time::timeout(wait.saturating_add(GRACE), self.ask(location, wait));
        let waited = match self.shutdown.run_until_cancelled(waiting).await {
            Some(Ok(Some(waited))) => waited,
            Some(Ok(None) | Err(_)) | None => Waited::default(),
        };
        let result = match (&waited.ended, &waited.applied) {
            (Some(_), _) => "ended",
            (None, Some(_)) => "open",
            (None, None) => "unknown",
        };
        metrics::counter!("factline_commands_waited_total", "result" => result).increment(1);
        waited
    }

    /// Returns none if there is no useful response.
    async fn ask(&self, location: &str, wait: Duration) -> Option<Waited> {
        let request = |uri: Uri| {
            Request::get(uri)
                .header(prefer::PREFER, prefer::applied(wait))
                .body(Body::empty())
                .ok()
        };
        let response: Response = match &self.place {
            Place::Here(routes) => {
                let request = request(location.parse().ok()?)?;
                routes.clone().oneshot(request).await.ok()?
            }
            Place::There(client, origin) => {
                let mut parts = origin.clone().into_parts();
                parts.path_and_query = Some(location.parse().ok()?);
                let request = request(Uri::from_parts(parts).ok()?)?;
                let asked = client.request(request).await;
                let asked = asked.inspect_err(|error| {
                    tracing::warn!(%error, "cannot ask for an operation; answering 202");
                });
                asked.ok()?.map(Body::new)
            }
        };
        if response.status() != StatusCode::OK {
            return None;
        }
        let headers = response.headers();
        let applied = headers.get(prefer::PREFERENCE_APPLIED).cloned();
        let is_open = headers.contains_key(RETRY_AFTER);
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some(Waited {
            ended: (!is_open).then_some(body),
            applied,
        })
    }
}

impl Waited {
    /// Replaces a 202 by a 200 with the operation, if it has ended.
    pub(crate) fn answer(self, accepted: Response) -> Response {
        let mut response = match self.ended {
            None => accepted,
            Some(operation) => {
                let (mut parts, _) = accepted.into_parts();
                parts.status = StatusCode::OK;
                parts.headers.remove(RETRY_AFTER);
                parts.headers.remove(axum::http::header::CONTENT_LENGTH);
                let json = HeaderValue::from_static("application/json");
                parts.headers.insert(CONTENT_TYPE, json);
                Response::from_parts(parts, Body::from(operation))
            }
        };
        if let Some(applied) = self.applied {
            let headers = response.headers_mut();
            headers.insert(prefer::PREFERENCE_APPLIED, applied);
        }
        response
    }
}
