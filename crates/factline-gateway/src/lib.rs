//! One origin for clients, in front of the services.
//!
//! It only forwards requests: it has no business rules and no storage, and it rewrites nothing. The
//! service of a request follows from its path and method alone:
//!
//! | request | service |
//! |---|---|
//! | `/operations`, `/operations/…`, `/webhooks`, `/webhooks/…` | operations-tracker |
//! | other `GET`, `HEAD` | read-api |
//! | other `POST`, `PUT`, `PATCH`, `DELETE` | command-api |
//! | `/openapi.json`, `/docs` | the gateway itself, from the documents of the services |
//! | `/health/…`, `/metrics` | the gateway itself |
//!
//! A 404 or 405 of a service is completed: the methods that a path has are those of all services.
//!
//! To add a service, add an option in [`Config`], a field in [`Upstreams`] and a line in
//! [`Upstreams::of`].

mod methods;
pub mod openapi;
pub mod readiness;
pub mod upstream;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use factline_http::{Problem, fallback, prefer};
use factline_service::{Service, ServiceConfig};
use tokio_util::sync::CancellationToken;

use crate::openapi::Description;
use crate::upstream::Upstream;

/// Forwards each request to the service that handles it, as the single origin for clients
#[derive(Debug, clap::Parser)]
#[command(name = NAME, version, after_help = EXAMPLE)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Address of the service that accepts commands
    #[arg(long, env = "FACTLINE_COMMAND_API_URL", value_parser = factline_service::config::origin)]
    pub command_api_url: Uri,
    /// Address of the service that serves operations
    #[arg(long, env = "FACTLINE_OPERATIONS_TRACKER_URL", value_parser = factline_service::config::origin)]
    pub operations_tracker_url: Uri,
    /// Address of the service that serves all other reads
    #[arg(long, env = "FACTLINE_READ_API_URL", value_parser = factline_service::config::origin)]
    pub read_api_url: Uri,
    /// Title of the OpenAPI document at /openapi.json and of the page at /docs
    #[arg(long, env = "FACTLINE_API_TITLE", default_value = "API")]
    pub api_title: String,
    /// Time limit in seconds for a service to begin its response; after it the client gets 504. It
    /// is longer than the service's own limits
    #[arg(
        long,
        env = "FACTLINE_UPSTREAM_TIMEOUT",
        default_value = "30",
        value_parser = factline_service::config::seconds
    )]
    pub upstream_timeout: Duration,
}

/// The name of the process in logs and metrics.
const NAME: &str = "gateway";

const EXAMPLE: &str = "\
Example:
  gateway --listen 127.0.0.1:8080 --command-api-url http://127.0.0.1:8101 \\
    --operations-tracker-url http://127.0.0.1:8103 --read-api-url http://127.0.0.1:8105";

/// The services behind the gateway.
#[derive(Clone)]
pub struct Upstreams {
    /// Accepts commands.
    pub command_api: Upstream,
    /// Serves the status of operations.
    pub operations_tracker: Upstream,
    /// Serves the read models.
    pub read_api: Upstream,
}

impl Upstreams {
    /// Creates the services that the configuration names. Opens no connection.
    pub fn new(config: &Config) -> Self {
        let upstream = |name, origin| Upstream::new(name, origin, config.upstream_timeout);
        Self {
            command_api: upstream("command-api", &config.command_api_url),
            operations_tracker: upstream("operations-tracker", &config.operations_tracker_url),
            read_api: upstream("read-api", &config.read_api_url),
        }
    }

    /// Returns the service of a request, or `None` for a method that no service has.
    pub fn of(&self, method: &Method, path: &str) -> Option<&Upstream> {
        let mut segments = path.split('/');
        let first = (segments.next(), segments.next());
        let is_tracked = matches!(first, (Some(""), Some("operations" | "webhooks")));
        match *method {
            Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
                if is_tracked =>
            {
                Some(&self.operations_tracker)
            }
            Method::GET | Method::HEAD => Some(&self.read_api),
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Some(&self.command_api),
            _ => None,
        }
    }

    /// Returns all services.
    pub fn all(&self) -> [&Upstream; 3] {
        [&self.command_api, &self.operations_tracker, &self.read_api]
    }
}

/// Returns the router, which forwards all requests and serves the document of all services. The
/// title is that of the document. The shutdown ends requests that only wait.
pub fn router(upstreams: Upstreams, title: String, shutdown: CancellationToken) -> Router {
    let description = Arc::new(Description::new(upstreams.clone(), title));
    let gateway = Gateway {
        upstreams,
        shutdown,
        description: Arc::clone(&description),
    };
    Router::new()
        .fallback(forward)
        .with_state(Arc::new(gateway))
        .merge(openapi::routes(description))
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

struct Gateway {
    upstreams: Upstreams,
    shutdown: CancellationToken,
    description: Arc<Description>,
}

async fn forward(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = if let Some(upstream) = gateway.upstreams.of(&method, &path) {
        // A request that only waits would keep the gateway from ending. The client asks again.
        if method.is_safe() && prefer::wait(request.headers()).is_some() {
            let forwarded = upstream.forward(request);
            let answered = gateway.shutdown.run_until_cancelled(forwarded).await;
            answered.unwrap_or_else(|| draining().into_response())
        } else {
            upstream.forward(request).await
        }
    } else {
        fallback::discard(request.into_body()).await;
        Problem::method_not_allowed(Some(FORWARDED)).into_response()
    };
    if !matches!(
        response.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) {
        return response;
    }
    // A service knows only its own methods of a path.
    let Some(document) = gateway.description.latest().await else {
        return response;
    };
    methods::correct(&document, &method, &path, response)
}

/// Creates the problem of a request that waited when the gateway began to drain.
fn draining() -> Problem {
    Problem::unavailable("the gateway is shutting down", upstream::RETRY_AFTER)
}

/// The methods that are forwarded.
const FORWARDED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Runs the process `gateway`.
pub fn main() -> ExitCode {
    factline_service::main::<Config, _, _>(NAME, |config: &Config| &config.service, run)
}

/// Serves requests until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let upstreams = Upstreams::new(&config);
    readiness::watch_all(&service, &upstreams.all());
    let shutdown = service.shutdown.clone();
    service
        .serve(router(upstreams, config.api_title, shutdown))
        .await
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
