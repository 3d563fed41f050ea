//! The limit of requests in progress: further ones are refused at once, while the client still
//! waits, instead of being answered when it no longer does.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use factline_http::{Problem, freshness};
use tokio::sync::Semaphore;

/// Longest time in seconds after which a refused client is told to retry. The times differ, so that
/// not all return together.
const RETRY_WITHIN: u32 = 4;

/// The permits for requests in progress.
pub(crate) struct Permits {
    requests: Semaphore,
    /// For reads that wait for a position. They are idle most of the time, so they are counted
    /// apart and do not keep others out.
    waiting: Semaphore,
}

impl Permits {
    /// Permits a number of requests of each kind.
    pub(crate) fn new(requests: u32) -> Self {
        Self {
            requests: Semaphore::new(requests as usize),
            waiting: Semaphore::new(requests as usize),
        }
    }

    fn of(&self, request: &Request) -> &Semaphore {
        if request.headers().contains_key(freshness::POSITION) {
            &self.waiting
        } else {
            &self.requests
        }
    }
}

/// Answers a request if there is a permit for it, and 503 otherwise; middleware.
pub(crate) async fn shed(
    State(permits): State<Arc<Permits>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_permit) = permits.of(&request).try_acquire() else {
        metrics::counter!("factline_http_requests_shed_total").increment(1);
        return overloaded("requests in progress").into_response();
    };
    next.run(request).await
}

/// Creates the problem of a process that has too many of something.
pub(super) fn overloaded(what: &str) -> Problem {
    Problem::unavailable(
        format!("the service has too many {what}"),
        rand::random_range(1..=RETRY_WITHIN),
    )
    // A command that is refused is not in the log.
    .member("outcome", "not_accepted")
}
