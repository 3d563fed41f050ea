//! The limit of requests of one caller, by the address of the client.
//!
//! Behind proxies, every connection comes from a proxy. Then the address is taken from
//! `X-Forwarded-For`: each proxy adds the address that it sees to the right, so only as many
//! entries from the right as there are proxies can be trusted. The rest is the client's own text.
//!
//! The headers of the responses are those of draft-ietf-httpapi-ratelimit-headers-10.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use factline_http::Problem;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Interval at which callers are forgotten that have not sent a request recently.
const CLEANUP: Duration = Duration::from_secs(10);

/// Longest random addition in seconds to `Retry-After`, so that not all callers return together.
const JITTER: u32 = 2;

/// The limit, and what each caller has used of it.
pub(crate) struct RateLimit {
    per_second: NonZeroU32,
    proxies: usize,
    limiter:
        RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>,
}

impl RateLimit {
    /// Permits a number of requests per second, and as many at once. `proxies` is the number of
    /// proxies in front of the process.
    pub(crate) fn new(per_second: NonZeroU32, proxies: usize) -> Self {
        let limiter = RateLimiter::dashmap(Quota::per_second(per_second));
        Self {
            per_second,
            proxies,
            limiter: limiter.with_middleware(),
        }
    }

    /// Forgets callers until the process drains.
    pub(crate) async fn forget_callers(self: Arc<Self>, shutdown: CancellationToken) {
        let forget = async {
            loop {
                tokio::time::sleep(CLEANUP).await;
                self.limiter.retain_recent();
                self.limiter.shrink_to_fit();
            }
        };
        shutdown.run_until_cancelled(forget).await;
    }

    /// Counts a request. Returns the number of requests that the caller may still send at once, or
    /// the seconds until it may send the next one.
    fn count(&self, caller: IpAddr) -> Result<u32, u32> {
        match self.limiter.check_key(&caller) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(refused) => {
                let wait = refused.wait_time_from(self.limiter.clock().now());
                let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
                Err(seconds.saturating_add(1))
            }
        }
    }

    fn headers(&self, response: &mut Response, remaining: u32, seconds: u32) {
        let headers = response.headers_mut();
        let quota = self.per_second;
        insert(headers, POLICY, &format!("\"caller\";q={quota};w=1"));
        insert(
            headers,
            LIMIT,
            &format!("\"caller\";r={remaining};t={seconds}"),
        );
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Answers a request if its caller may send it, and 429 otherwise; middleware.
pub(crate) async fn limit(
    State(limit): State<Arc<RateLimit>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match limit.count(caller(client, request.headers(), limit.proxies)) {
        Ok(remaining) => {
            let mut response = next.run(request).await;
            limit.headers(&mut response, remaining, 1);
            response
        }
        Err(seconds) => {
            metrics::counter!("factline_http_requests_limited_total").increment(1);
            let detail = format!("{} requests per second are permitted", limit.per_second);
            let retry_after = seconds.saturating_add(rand::random_range(0..=JITTER));
            let problem = Problem::too_many_requests(detail, retry_after);
            // A command that is refused is not in the log.
            let problem = problem.member("outcome", "not_accepted");
            let mut response = problem.into_response();
            limit.headers(&mut response, 0, seconds);
            response
        }
    }
}

/// Returns the caller of a request. A client can have all addresses of a network of 64 bits, so one
/// of IPv6 is counted by its network.
fn caller(client: SocketAddr, headers: &HeaderMap, proxies: usize) -> IpAddr {
    let forwarded = headers.get_all(FORWARDED_FOR).iter();
    let forwarded = forwarded.filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let trusted = addresses.len().checked_sub(proxies);
    let address = trusted
        .filter(|_| proxies > 0)
        .and_then(|index| addresses.get(index)?.trim().parse().ok())
        .unwrap_or_else(|| client.ip());
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller_of(forwarded: &[&str], proxies: usize) -> String {
        let client = "[2001:db8:1:2:3:4:5:6]:9".parse().unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        caller(client, &headers, proxies).to_string()
    }

    #[test]
    fn only_entries_of_known_proxies_are_trusted() {
        assert_eq!(caller_of(&[], 0), "2001:db8:1:2::");
        assert_eq!(caller_of(&["192.0.2.1"], 0), "2001:db8:1:2::");
        assert_eq!(caller_of(&["192.0.2.1"], 1), "192.0.2.1");
        // The client itself has sent the first entry.
        assert_eq!(caller_of(&["192.0.2.1, 192.0.2.2"], 1), "192.0.2.2");
        assert_eq!(
            caller_of(&["192.0.2.1, 192.0.2.2", "192.0.2.3"], 2),
            "192.0.2.2"
        );
        for invalid in ["", "x", "192.0.2.1:80"] {
            assert_eq!(caller_of(&[invalid], 1), "2001:db8:1:2::", "{invalid}");
        }
        assert_eq!(caller_of(&["192.0.2.1"], 2), "2001:db8:1:2::");
        assert_eq!(caller_of(&["::ffff:192.0.2.1"], 1), "192.0.2.1");
    }

    #[test]
    fn each_caller_has_its_own_limit() {
        let limit = RateLimit::new(NonZeroU32::new(3).unwrap(), 0);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        for remaining in [2, 1, 0] {
            assert_eq!(limit.count(one), Ok(remaining));
        }
        assert_eq!(limit.count(one), Err(1));
        assert_eq!(limit.count(other), Ok(2));
    }
}
