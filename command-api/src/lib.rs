//! The edge of the write side: a request that is a valid command becomes a record, and its sender gets the address
//! under which the outcome will stand.
//!
//! It holds no business code and no list of commands: the contracts bring schemas and routes. It decides nothing
//! that the schema alone cannot decide, and it never reads.
//!
//! A request's way: [`edge`] → [`body`] (bounded JSON) → [`idempotency`] and [`preconditions`] (what its headers ask) →
//! [`aggregate_id`] (which aggregate) → [`validate`] (against the [`json_schema`] of the schema) → [`append`](factline_kafka::producer::append) (acknowledged by
//! all) → [`response`].
//!
//! One more command is a schema and a line in the routes file of its context. One more aggregate is one more entry in
//! the crate `contracts` (`schemas/src/lib.rs`).

pub mod aggregate_id;
pub mod body;
pub mod edge;
pub mod idempotency;
pub mod json;
pub mod json_schema;
pub mod pointer;
pub mod preconditions;
pub mod readiness;
pub mod response;
pub mod routes;
pub mod traceparent;
pub mod validate;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use factline_kafka::{KafkaConfig, Registry};
use factline_service::{Service, ServiceConfig};

/// Takes commands by HTTP and appends them to the log
#[derive(Debug, clap::Parser)]
// The slot is for members of a group, and this process is none; its other options are shared with those that are.
#[command(version, after_help = EXAMPLE, mut_arg("instance", |slot| slot.hide(true)))]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Where commands go.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// Milliseconds within which a command is acknowledged by the brokers or answered with 503
    #[arg(
        long,
        env = "FACTLINE_APPEND_TIMEOUT_MS",
        default_value_t = 5_000,
        value_parser = clap::value_parser!(u64).range(100..=60_000)
    )]
    pub append_timeout_ms: u64,
}

const EXAMPLE: &str = "\
Example:
  command-api --listen 127.0.0.1:8101 --kafka-brokers 127.0.0.1:19092 \\
    --registry-url http://127.0.0.1:18081/apis/ccompat/v7";

/// Runs until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let timeout = Duration::from_millis(config.append_timeout_ms);
    let edge = Arc::new(edge::Edge::new(contracts::ALL, &config.kafka, timeout)?);
    let registry = Registry::new(&config.kafka.registry_url);
    readiness::watch(&service, &edge, registry);
    service.serve(edge::router(&edge)).await?;
    tokio::task::spawn_blocking(move || edge.appender.flush())
        .await?
        .context("some commands were not acknowledged before the end")
}
