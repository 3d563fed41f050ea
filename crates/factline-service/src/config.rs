//! The part of the configuration that every process shares.

use std::net::SocketAddr;
use std::time::Duration;

/// Where a process listens, how it logs, how long it may take to end.
#[derive(Debug, Clone, clap::Args)]
pub struct ServiceConfig {
    /// Address to listen on; port 0 takes a free one and logs it.
    #[arg(long, env = "FACTLINE_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// How log lines look; `RUST_LOG` says which are written.
    #[arg(long, env = "FACTLINE_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Seconds that work under way may take after the first signal; then the process ends with code 1.
    #[arg(
        long,
        env = "FACTLINE_DRAIN_TIMEOUT",
        default_value = "10",
        value_parser = seconds
    )]
    pub drain_timeout: Duration,
}

/// The look of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// Reads whole or broken seconds, at most a day: a `value_parser` for options that are durations.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(value) if (0.0..=DAY).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("not seconds from 0 to {DAY}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_be_broken_but_not_absurd() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "-1", "NaN", "inf", "86401", "1s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
