//! A service behind the gateway. Requests and responses pass unchanged. If there is no response,
//! the client gets a problem.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum_reverse_proxy::{ProxyError, ProxyPolicy, ReverseProxy};
use factline_http::Problem;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// The name of this proxy in `Via`. A request that already contains it is in a loop.
const PSEUDONYM: &str = "factline-gateway";

/// Seconds after which a client should retry a request that could not be forwarded.
pub(crate) const RETRY_AFTER: u32 = 1;

/// Time limit for a connection. The services are in the same network.
const CONNECT: Duration = Duration::from_secs(2);

/// Time for which an unused connection is kept. The services close theirs later: a request that is
/// sent while they do would be lost.
const IDLE: Duration = Duration::from_secs(10);

/// One service behind the gateway.
#[derive(Clone)]
pub struct Upstream {
    name: &'static str,
    proxy: ReverseProxy<HttpConnector>,
}

impl Upstream {
    /// Creates the client of a service at an origin. `timeout` limits
    /// the wait for the head of a response.
    pub fn new(name: &'static str, origin: &Uri, timeout: Duration) -> Self {
        let policy = ProxyPolicy::new()
            .with_upstream_timeout(timeout)
            .with_public_scheme("http")
            .with_via(PSEUDONYM);
        Self {
            name,
            proxy: ReverseProxy::new_with_client("", origin.to_string(), client())
                .with_policy(policy),
        }
    }

    /// Returns the service's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Forwards a request. Bodies are streamed, and headers pass unchanged except those of one
    /// connection.
    pub async fn forward(&self, request: Request) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let response = self.send(request).await;
        let labels = [
            ("upstream", self.name.to_owned()),
            ("status", response.status().as_u16().to_string()),
        ];
        metrics::counter!("factline_forwarded_requests_total", &labels).increment(1);
        metrics::histogram!("factline_forwarded_request_seconds", "upstream" => self.name)
            .record(started.elapsed().as_secs_f64());
        match self.problem(&method, &response) {
            Some(problem) => {
                let (upstream, status) = (self.name, response.status().as_u16());
                // Without the path, which can contain personal data.
                tracing::warn!(upstream, %method, status, "cannot forward a request");
                problem.into_response()
            }
            None => response,
        }
    }

    /// Requests a path of the service for the gateway itself. The error is the reason why there is
    /// no response.
    pub async fn get(&self, path: &'static str) -> Result<Response, String> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static(path);
        // The proxy's future is large, and these requests are rare.
        let response = Box::pin(self.send(request)).await;
        match response.extensions().get::<ProxyError>() {
            Some(error) => Err(error.message().to_owned()),
            None => Ok(response),
        }
    }

    /// Forwards a request without counting it.
    async fn send(&self, request: Request) -> Response {
        match self.proxy.proxy_request(request).await {
            Ok(response) => response,
            Err(impossible) => match impossible {},
        }
    }

    /// Returns the problem if the response is the proxy's own and not the service's.
    fn problem(&self, method: &Method, response: &Response) -> Option<Problem> {
        let name = self.name;
        let error = response.extensions().get::<ProxyError>();
        let problem = match (error, response.status()) {
            (Some(error), _) if error.is_connect() => {
                Problem::unavailable(format!("{name} cannot be reached"), RETRY_AFTER)
            }
            (Some(_), StatusCode::GATEWAY_TIMEOUT) => {
                timed_out().detail(format!("{name} did not answer in time"))
            }
            (Some(_), _) => {
                failed().detail(format!("the connection to {name} broke before it answered"))
            }
            // Of all responses without an error only this one is from the proxy.
            (None, StatusCode::LOOP_DETECTED) => {
                loop_detected().detail(format!("the address of {name} leads back to the gateway"))
            }
            (None, _) => return None,
        };
        if method.is_safe() {
            return Some(problem);
        }
        // A command that was never sent is safe to send again. One that was sent may have been
        // accepted.
        let outcome = match error {
            Some(error) if !error.is_connect() => "unknown",
            _ => "not_accepted",
        };
        Some(problem.member("outcome", outcome))
    }
}

/// Creates the problem of a service that does not begin its response in time.
pub(crate) fn timed_out() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "upstream-timeout",
        "An upstream service did not answer in time",
    )
}

/// Creates the problem of a service that closes the connection without a response.
pub(crate) fn failed() -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "upstream-failed",
        "An upstream service failed",
    )
}

/// Creates the problem of an address that leads back to the gateway.
pub(crate) fn loop_detected() -> Problem {
    Problem::new(
        StatusCode::LOOP_DETECTED,
        "loop-detected",
        "The request was forwarded in a loop",
    )
}

/// Limits the time for a response to the gateway's own request.
pub(crate) async fn within<T>(
    limit: Duration,
    response: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let response = tokio::time::timeout(limit, response).await;
    let late = |_| format!("no response within {} s", limit.as_secs());
    response.map_err(late).flatten()
}

/// Creates the HTTP client of one service. It keeps connections open for later requests.
fn client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector)
}
