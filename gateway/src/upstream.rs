//! A service behind the gateway: requests go to it as they came, its answers come back as they are, and where there
//! is no answer there is a problem.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum_reverse_proxy::{ProxyError, ProxyPolicy, ReverseProxy};
use factline_http::Problem;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// This proxy in `Via`: a request that carries it already goes in circles.
const PSEUDONYM: &str = "factline-gateway";

/// Seconds after which a request that could not be forwarded is worth a retry.
const RETRY_AFTER: u32 = 1;

/// Time for a connection: the services are near.
const CONNECT: Duration = Duration::from_secs(2);

/// One service.
#[derive(Clone)]
pub struct Upstream {
    name: &'static str,
    proxy: ReverseProxy<HttpConnector>,
}

/// Reads the origin of a service, such as `http://127.0.0.1:8101`: a `value_parser` for options.
pub fn origin(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    // Without TLS in the build, https would only fail later, on each request.
    if uri.scheme_str() != Some("http") || uri.authority().is_none() {
        return Err("must be http://host:port".to_owned());
    }
    if uri.path_and_query().is_some_and(|rest| rest != "/") {
        return Err("must be http://host:port without path or query".to_owned());
    }
    Ok(uri)
}

impl Upstream {
    /// A service at an origin that [`origin`] has read. `timeout` bounds the wait for the head of an answer.
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

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Forwards a request, bodies as streams, headers as they are but for those of one connection.
    pub async fn forward(&self, request: Request) -> Response {
        let started = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
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
                tracing::warn!(upstream, %method, path, status, "cannot forward a request");
                problem.into_response()
            }
            None => response,
        }
    }

    /// As [`Self::forward`], without counting: for the gateway's own questions.
    pub async fn send(&self, request: Request) -> Response {
        match self.proxy.proxy_request(request).await {
            Ok(response) => response,
            Err(impossible) => match impossible {},
        }
    }

    /// What to say if the response is the proxy's own and not the service's.
    fn problem(&self, method: &Method, response: &Response) -> Option<Problem> {
        let name = self.name;
        let error = response.extensions().get::<ProxyError>();
        let problem = match (error, response.status()) {
            (Some(error), _) if error.is_connect() => {
                Problem::unavailable(format!("{name} cannot be reached"), RETRY_AFTER)
            }
            (Some(_), StatusCode::GATEWAY_TIMEOUT) => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "upstream-timeout",
                "An upstream service did not answer in time",
            )
            .detail(format!("{name} did not answer in time")),
            (Some(_), _) => Problem::new(
                StatusCode::BAD_GATEWAY,
                "upstream-failed",
                "An upstream service failed",
            )
            .detail(format!("the connection to {name} broke before it answered")),
            // Of all answers without an error only this one is the proxy's.
            (None, StatusCode::LOOP_DETECTED) => Problem::new(
                StatusCode::LOOP_DETECTED,
                "loop-detected",
                "The request was forwarded in a loop",
            )
            .detail(format!("the address of {name} leads back to the gateway")),
            (None, _) => return None,
        };
        if method.is_safe() {
            return Some(problem);
        }
        // A command that never left is safe to send again; one that left may have been accepted.
        let outcome = match error {
            Some(error) if !error.is_connect() => "unknown",
            _ => "not_accepted",
        };
        Some(problem.member("outcome", outcome))
    }
}

/// Connections to one service, kept for the next request.
fn client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    Client::builder(TokioExecutor::new()).build(connector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for text in ["http://127.0.0.1:8101", "http://command-api/"] {
            assert!(origin(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "127.0.0.1:8101",
            "https://host",
            "http://",
            "http://host/base",
            "http://host?x=1",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
