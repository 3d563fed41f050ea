//! Responses to requests that no route matches.
//!
//! ```no_run
//! let router: axum::Router = axum::Router::new()
//!     .fallback(factline_http::fallback::not_found)
//!     .method_not_allowed_fallback(factline_http::fallback::method_not_allowed);
//! ```
//!
//! Call `method_not_allowed_fallback` after the last route is added: it affects only existing
//! routes.
//!
//! The body of the request is read first. A server closes the connection after a response to a
//! request whose body it has not read. A proxy that keeps the connection for its next request would
//! lose that request.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;

use crate::Problem;

/// Maximum size of a body that is read. After a larger one, the connection closes.
const MAX_BYTES: usize = 1024 * 1024;

/// Time limit for the body.
const TIME: Duration = Duration::from_secs(10);

/// Returns 404 for a path that no route has.
pub async fn not_found(request: Request) -> Problem {
    let path = request.uri().path().to_owned();
    discard(request.into_body()).await;
    Problem::not_found(format!("there is no resource at {path}"))
}

/// Returns 405 for a method that the route does not have; axum adds `Allow`.
pub async fn method_not_allowed(request: Request) -> Problem {
    discard(request.into_body()).await;
    Problem::method_not_allowed(None)
}

/// Reads a body to its end, for a response that does not depend on it. The response is the same if
/// that fails.
pub async fn discard(body: Body) {
    let _ = tokio::time::timeout(TIME, to_bytes(body, MAX_BYTES)).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use http_body_util::{BodyExt as _, Full};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn body_is_read_before_the_response() {
        let router: Router = Router::new()
            .route("/people", get(|| async {}))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed);
        for (path, status) in [
            ("/people", StatusCode::METHOD_NOT_ALLOWED),
            ("/other", StatusCode::NOT_FOUND),
        ] {
            let read = Arc::new(AtomicBool::new(false));
            let mark = Arc::clone(&read);
            let body = Full::from("{}").map_frame(move |frame| {
                mark.store(true, Ordering::SeqCst);
                frame
            });
            let request = Request::post(path).body(Body::new(body)).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert!(read.load(Ordering::SeqCst), "{path}");
        }
    }
}
