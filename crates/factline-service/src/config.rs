//! The part of the configuration that every process shares.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Uri;

/// Listen address, log format and drain timeout of a process.
#[derive(Debug, Clone, clap::Args)]
pub struct ServiceConfig {
    /// Address to listen on; port 0 takes a free one and logs it.
    #[arg(long, env = "FACTLINE_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Format of log lines; `RUST_LOG` selects which lines are written.
    #[arg(long, env = "FACTLINE_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Maximum time in seconds that open work may take after the first signal. After it the process
    /// ends with code 1.
    #[arg(
        long,
        env = "FACTLINE_DRAIN_TIMEOUT",
        default_value = "10",
        value_parser = seconds
    )]
    pub drain_timeout: Duration,
    /// Address for health and metrics alone; without it, they are served at the address of the
    /// other routes.
    #[arg(long, env = "FACTLINE_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// Maximum number of open connections. A new one replaces one that waits for a request; those
    /// without any request so far go first.
    #[arg(long, env = "FACTLINE_MAX_CONNECTIONS", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Maximum number of requests in progress; further ones get 503. The default is 50 for each
    /// core that the process may use, and at least 100; requests that wait, for a position or by
    /// preference, have 500 apart.
    #[arg(long, env = "FACTLINE_MAX_REQUESTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: Option<u32>,
    /// Maximum time in seconds between two requests of a connection, and for the head of a request
    /// to arrive.
    #[arg(long, env = "FACTLINE_IDLE_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Maximum number of requests per second of one client address; further ones get 429. Without
    /// it, there is no limit.
    #[arg(long, env = "FACTLINE_RATE_LIMIT")]
    pub rate_limit: Option<NonZeroU32>,
    /// Number of proxies in front of the process, each of which adds the address of its client to
    /// X-Forwarded-For. The rate limit counts that address.
    #[arg(long, env = "FACTLINE_PROXIES", default_value = "0")]
    pub proxies: u8,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// Parses a number of seconds, which may have a fraction, up to a day: a `value_parser` for options
/// that are durations.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(value) if (0.0..=DAY).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("not seconds from 0 to {DAY}")),
    }
}

/// Parses the origin of a service, such as `http://127.0.0.1:8101`; a `value_parser` for options.
pub fn origin(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    // The build has no TLS, so https would fail later, on each request.
    if uri.scheme_str() != Some("http") || uri.authority().is_none() {
        return Err("must be http://host:port".to_owned());
    }
    if uri.path_and_query().is_some_and(|rest| rest != "/") {
        return Err("must be http://host:port without path or query".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_a_scheme_a_host_and_a_port() {
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

    #[test]
    fn seconds_accepts_fractions_within_a_day() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "-1", "NaN", "inf", "86401", "1s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
