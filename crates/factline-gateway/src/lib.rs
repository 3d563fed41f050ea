//! One origin for clients, in front of the services.
//!
//! It only forwards requests: it has no business rules and no storage, and it rewrites nothing. The
//! service of a request follows from its path and method alone:
//!
//! | request | service |
//! |---|---|
//! | `/operations`, `/operations/…` | operations-tracker |
//! | other `GET`, `HEAD` | read-api |
//! | other `POST`, `PUT`, `PATCH`, `DELETE` | command-api |
//! | `/openapi.json`, `/docs` | the gateway itself, from the documents of the services |
//! | `/health/…`, `/metrics` | the gateway itself |
//!
//! To add a service, add an option in [`Config`], a field in [`Upstreams`] and a line in
//! [`Upstreams::of`].

pub mod openapi;
pub mod readiness;
pub mod upstream;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use factline_http::{Problem, fallback};
use factline_service::{Service, ServiceConfig};

use crate::upstream::Upstream;

/// Forwards each request to the service that handles it, as the single origin for clients
#[derive(Debug, clap::Parser)]
#[command(name = NAME, version, after_help = EXAMPLE)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Address of the service that accepts commands
    #[arg(long, env = "FACTLINE_COMMAND_API_URL", value_parser = upstream::origin)]
    pub command_api_url: Uri,
    /// Address of the service that serves operations
    #[arg(long, env = "FACTLINE_OPERATIONS_TRACKER_URL", value_parser = upstream::origin)]
    pub operations_tracker_url: Uri,
    /// Address of the service that serves all other reads
    #[arg(long, env = "FACTLINE_READ_API_URL", value_parser = upstream::origin)]
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
        let is_operation = path == "/operations" || path.starts_with("/operations/");
        match *method {
            Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
                if is_operation =>
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

/// Returns the router, which forwards all requests.
pub fn router(upstreams: Upstreams) -> Router {
    Router::new()
        .fallback(forward)
        .with_state(Arc::new(upstreams))
}

async fn forward(State(upstreams): State<Arc<Upstreams>>, request: Request) -> Response {
    if let Some(upstream) = upstreams.of(request.method(), request.uri().path()) {
        return upstream.forward(request).await;
    }
    fallback::discard(request.into_body()).await;
    Problem::method_not_allowed(Some("GET, HEAD, POST, PUT, PATCH, DELETE")).into_response()
}

/// Runs the process `gateway`.
pub fn main() -> ExitCode {
    factline_service::main::<Config, _, _>(NAME, |config: &Config| &config.service, run)
}

/// Serves requests until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let upstreams = Upstreams::new(&config);
    for upstream in upstreams.all() {
        readiness::watch(&service, upstream);
    }
    let described = openapi::routes(upstreams.clone(), config.api_title);
    service.serve(described.merge(router(upstreams))).await
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
