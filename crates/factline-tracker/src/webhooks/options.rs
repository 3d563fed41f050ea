//! The options of webhooks.

use std::time::Duration;

use super::retry::Schedule;

/// The waits that Standard Webhooks recommends.
const RETRIES: &str = "5,300,1800,7200,18000,36000,50400,72000,86400";

/// Options of webhooks.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Maximum number of webhooks; 0 permits none
    #[arg(long, env = "FACTLINE_WEBHOOK_MAX", default_value_t = 1000)]
    pub webhook_max: u32,
    /// Permit webhooks at http addresses, which are not encrypted
    #[arg(long, env = "FACTLINE_WEBHOOK_HTTP")]
    pub webhook_http: bool,
    /// Permit webhooks at addresses that are not public, such as 127.0.0.1 and those of the private
    /// network. All who can register a webhook can then send requests into that network
    #[arg(long, env = "FACTLINE_WEBHOOK_PRIVATE_ADDRESSES")]
    pub webhook_private_addresses: bool,
    /// Time limit in seconds for an attempt to send an event, including the response
    #[arg(long, env = "FACTLINE_WEBHOOK_TIMEOUT", default_value = "15", value_parser = timeout)]
    pub webhook_timeout: Duration,
    /// Seconds before each further attempt to send an event, joined by commas; after the last one
    /// it is a dead letter
    #[arg(
        long,
        env = "FACTLINE_WEBHOOK_RETRIES",
        default_value = RETRIES
    )]
    pub webhook_retries: Schedule,
    /// Number of days without a success after which a failing webhook is disabled
    #[arg(long, env = "FACTLINE_WEBHOOK_DISABLE_DAYS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub webhook_disable_days: u32,
    /// Number of days to keep dead letters of webhooks
    #[arg(long, env = "FACTLINE_WEBHOOK_RETENTION_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=3650))]
    pub webhook_retention_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            webhook_max: 1000,
            webhook_http: false,
            webhook_private_addresses: false,
            webhook_timeout: Duration::from_secs(15),
            webhook_retries: RETRIES.parse().unwrap_or_default(),
            webhook_disable_days: 5,
            webhook_retention_days: 30,
        }
    }
}

/// Parses a time limit, which zero is not.
fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = factline_service::config::seconds(text)?;
    if timeout.is_zero() {
        return Err("must be more than 0".to_owned());
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        webhooks: Options,
    }

    #[test]
    fn defaults_are_those_of_the_command_line() {
        let flags = Flags::try_parse_from(["test"]).unwrap();
        let options = format!("{:?}", flags.webhooks);
        assert_eq!(options, format!("{:?}", Options::default()));
        assert!(options.contains("86400s"), "{options}");
    }

    #[test]
    fn timeout_of_zero_is_refused() {
        let read = |timeout| Flags::try_parse_from(["test", "--webhook-timeout", timeout]);
        assert!(read("0.5").is_ok());
        let error = read("0").unwrap_err().to_string();
        assert!(error.contains("must be more than 0"), "{error}");
    }
}
