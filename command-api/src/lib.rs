//! The edge of the write side: it turns a valid request into a command record, and returns the
//! address of the outcome to the client.
//!
//! It has no business rules and no list of commands: schemas and routes come from the contracts. It
//! checks only what the schema alone can check, and it never reads the log or a view.
//!
//! The path of a request: [`edge`] → [`body`] (bounded JSON) → [`idempotency`] and
//! [`preconditions`] (its headers) → [`aggregate_id`] (the aggregate) → [`validate`] (against the
//! [`json_schema`]) → [`append`](factline_kafka::producer::append) (acknowledged by all replicas) →
//! [`response`].
//!
//! To add a command, add a schema and a line in the routes file of its context. To add an
//! aggregate, add an entry in the crate `contracts` (`schemas/src/lib.rs`).

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

/// Accepts commands over HTTP and appends them to the log
#[derive(Debug, clap::Parser)]
// The slot is for members of a group, and this process is not one. The other options are shared
// with processes that are.
#[command(version, after_help = EXAMPLE, mut_arg("instance", |slot| slot.hide(true)))]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Options of the Kafka client.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// Time limit in milliseconds for the brokers to acknowledge a command; after it the client
    /// gets 503
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

/// Serves requests until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let timeout = Duration::from_millis(config.append_timeout_ms);
    let edge = Arc::new(edge::Edge::new(contracts::ALL, &config.kafka, timeout)?);
    let registry = Registry::new(&config.kafka.registry_url);
    readiness::watch(&service, &edge, registry);
    service.serve(edge::router(&edge)).await?;
    tokio::task::spawn_blocking(move || edge.appender.flush())
        .await?
        .context("some commands were not acknowledged before shutdown")
}
