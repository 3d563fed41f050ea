//! Counts and times the HTTP requests of a process.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

/// Records `factline_http_requests_total` and `factline_http_request_seconds` by method, route and
/// status, as middleware. The route is the pattern that matched, never the path itself, so that the
/// number of series stays small.
pub async fn requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method().as_str());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    let labels = [
        ("method", method.to_owned()),
        ("route", route.clone()),
        ("status", status.to_string()),
    ];
    metrics::counter!("factline_http_requests_total", &labels).increment(1);
    metrics::histogram!("factline_http_request_seconds", &labels).record(seconds);
    tracing::debug!(method, route, status, seconds, "answered a request");
    response
}

/// Maps the method to a label. Clients may invent methods; those share one label.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}
