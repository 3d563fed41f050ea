//! Simulates a payment provider, as a shop sees one from outside: it accepts requests for money
//! over HTTP, acknowledges them at once, and reports the result later by a webhook.
//!
//! It is as difficult as real ones: it declines, delays, repeats webhooks, or never reports
//! ([`behaviour`]). It is as reliable as real ones: it executes what it has accepted with an
//! idempotency key once, and repeats the webhook until it is accepted, over restarts ([`journal`]).
//! It survives being killed, but not a machine that loses power: no write is forced to the disk.
//!
//! It is not part of the store and uses none of its crates; only the callback paths are the
//! store's. A real provider has an account, signatures on webhooks and a report to reconcile with;
//! the simulator has none of them.
//!
//! To add a behaviour, add a method in [`behaviour`]. To add a kind of movement, add a
//! [`book::Kind`]; the compiler reports the places to extend.

pub mod behaviour;
pub mod book;
pub mod http;
pub mod journal;
pub mod money;
pub mod provider;
pub mod webhook;

use std::path::PathBuf;

use anyhow::Context as _;
use factline_service::{Service, ServiceConfig};

use crate::behaviour::{Delay, Habits};
use crate::provider::Provider;

/// Simulates a payment provider: declines, delays, repeats webhooks and answers late, as configured
#[derive(Debug, clap::Parser)]
#[command(after_help = EXAMPLE)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Folder of the journal, which keeps keys, money and webhooks over a restart; created if it is
    /// missing
    #[arg(long, env = "FACTLINE_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Seed of the random choices: the same seed and the same keys give the same behaviour
    #[arg(long, env = "FACTLINE_SEED", default_value = "0")]
    pub seed: u64,
    /// Percentage of declined payments among those whose method names no behaviour
    #[arg(
        long,
        env = "FACTLINE_DECLINE_PERCENT",
        default_value = "0",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub decline_percent: u8,
    /// Milliseconds until a payment or refund is decided, from..to
    #[arg(long, env = "FACTLINE_DELAY_MS", default_value = "20..200")]
    pub delay_ms: Delay,
    /// Percentage of webhooks that are sent once more although they were answered
    #[arg(
        long,
        env = "FACTLINE_DUPLICATE_PERCENT",
        default_value = "10",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub duplicate_percent: u8,
}

const EXAMPLE: &str = "\
Methods that name a behaviour: card-ok, card-declined, card-slow:MILLISECONDS, card-silent, card-twice,
and card-norefund and card-norefund:MILLISECONDS, whose money is not given back.

Example:
  payment-simulator --listen 127.0.0.1:8108 --data-dir /tmp/payments --decline-percent 5 &
  curl --json '{\"payment_id\": \"7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\", \"method\": \"card-ok\",
    \"amount\": {\"amount\": 450, \"currency\": \"EUR\"}, \"callback\": \"http://127.0.0.1:8080\"}' \\
    --header 'idempotency-key: 1' http://127.0.0.1:8108/payments
  curl http://127.0.0.1:8108/totals";

/// Runs until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    service.health.expect(provider::COMPONENT);
    let habits = Habits {
        seed: config.seed,
        decline_percent: config.decline_percent,
        duplicate_percent: config.duplicate_percent,
        delay: config.delay_ms,
    };
    let provider = Provider::open(&config.data_dir, habits, service.health.clone())
        .with_context(|| format!("cannot use the folder {}", config.data_dir.display()))?;
    provider.resume();
    service.serve(http::router(provider)).await
}
