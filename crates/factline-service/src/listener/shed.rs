//! The limit of requests in progress: further ones are refused at once, while the client still
//! waits, instead of being answered when it no longer does.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use factline_http::{Problem, freshness, prefer};
use tokio::sync::Semaphore;

/// Longest time in seconds after which a refused client is told to retry. The times differ, so that
/// not all return together.
const RETRY_WITHIN: u32 = 4;

/// Requests in progress for each core. More of them are only a longer queue.
const REQUESTS_OF_CORE: usize = 50;

/// The least number of requests in progress: some of them wait for other processes.
const MIN_REQUESTS: usize = 100;

/// Number of requests that wait: for a position, or because the client prefers to.
const WAITING: usize = 500;

/// Returns the number of requests that a process with these cores permits by default.
fn default_requests(cores: usize) -> usize {
    cores.saturating_mul(REQUESTS_OF_CORE).max(MIN_REQUESTS)
}

/// The permits for requests in progress.
pub(crate) struct Permits {
    requests: Semaphore,
    /// For requests that wait for a position or for the end of an operation. They are idle most of
    /// the time, so they are counted apart and do not keep others out.
    waiting: Semaphore,
}

impl Permits {
    /// Permits a number of requests of each kind. Without one, the number of requests follows the
    /// cores that the process may use.
    pub(crate) fn new(requests: Option<u32>) -> Self {
        let of_cores = || {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            default_requests(cores)
        };
        let limit = requests.map(|limit| limit as usize);
        Self {
            requests: Semaphore::new(limit.unwrap_or_else(of_cores)),
            waiting: Semaphore::new(limit.unwrap_or(WAITING)),
        }
    }

    fn of(&self, request: &Request) -> &Semaphore {
        let headers = request.headers();
        if headers.contains_key(freshness::POSITION) || prefer::wait(headers).is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_follow_the_cores_unless_they_are_set() {
        let of = |cores| default_requests(cores);
        assert_eq!([1, 2, 3, 16].map(of), [100, 100, 150, 800]);
        let available = |limit| {
            let permits = Permits::new(limit);
            let waiting = permits.waiting.available_permits();
            (permits.requests.available_permits(), waiting)
        };
        assert_eq!(available(Some(7)), (7, 7));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(available(None), (of(cores), WAITING));
    }
}
