//! The edge of the write side: it turns a valid request into a command record, and returns the
//! address of the outcome to the client.
//!
//! It has no business rules and no list of commands: schemas and routes come from the contracts. It
//! checks only what the schema alone can check, and it never reads the log or a view.
//!
//! The path of a request: [`edge`] → [`body`] (bounded JSON) → [`idempotency`] and
//! [`preconditions`] (its headers) → [`requests`] (a
//! request in the body) → [`aggregate_id`] (the aggregate) → [`validate`] (against the
//! [`json_schema`]) → [`append`](factline_kafka::producer::append) (acknowledged by all replicas) →
//! [`response`], and [`waiting`] if the client prefers to. `replays` answers repetitions.
//!
//! An application calls [`main`] with its contracts, or combines [`run`] or [`edge::router`] with
//! other parts in one process. To add a command, add a schema and a line in the routes file of its
//! aggregate.

pub mod aggregate_id;
pub mod body;
mod capacity;
pub mod edge;
mod found;
pub mod id_format;
pub mod idempotency;
pub mod json;
pub mod json_schema;
mod marks;
pub mod openapi;
pub mod pointer;
pub mod preconditions;
pub mod readiness;
mod replays;
pub mod requests;
pub mod response;
pub mod routes;
mod sequence;
pub mod traceparent;
pub mod validate;
pub mod waiting;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::Uri;
use factline::Contract;
use factline_kafka::{KafkaConfig, Registry};
use factline_service::{Service, ServiceConfig};

pub use crate::openapi::document as openapi;

use crate::edge::Edge;
use crate::waiting::Operations;

/// Accepts commands over HTTP and appends them to the log
#[derive(Debug, clap::Parser)]
// The slot is for members of a group, and this process is not one. The other options are shared
// with processes that are.
#[command(name = NAME, version, after_help = EXAMPLE, mut_arg("instance", |slot| slot.hide(true)))]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Options of the Kafka client.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// Options of the edge.
    #[command(flatten)]
    pub edge: Options,
    /// Address of the service that serves operations. Clients can then wait for the end of a
    /// command (`Prefer: wait`); without it they get 202 at once
    #[arg(long, env = "FACTLINE_OPERATIONS_TRACKER_URL", value_parser = factline_service::config::origin)]
    pub operations_tracker_url: Option<Uri>,
}

/// Options of the edge.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
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

/// The name of the process in logs and metrics.
const NAME: &str = "command-api";

const EXAMPLE: &str = "\
Example:
  command-api --listen 127.0.0.1:8101 --kafka-brokers 127.0.0.1:19092 \\
    --registry-url http://127.0.0.1:18081/apis/ccompat/v7";

/// Runs the process `command-api` for the aggregates of these contracts.
pub fn main(contracts: &'static [&'static Contract]) -> ExitCode {
    factline_service::main::<Config, _, _>(
        NAME,
        |config: &Config| &config.service,
        |config, service| run(contracts, config, service),
    )
}

/// Serves requests until the process drains.
pub async fn run(
    contracts: &[&'static Contract],
    config: Config,
    service: Service,
) -> anyhow::Result<()> {
    let edge = start(contracts, &config.kafka, &config.edge, &service)?;
    if let Some(origin) = config.operations_tracker_url {
        edge.operations
            .get_or_init(|| Operations::there(origin, service.shutdown.clone()));
    }
    service.serve(edge::router(&edge)).await?;
    flush(edge).await
}

/// Starts the edge as a part of a process: it registers the commands' schemas and watches the
/// topics. [`edge::routes`] and [`edge::router`] return its routes.
///
/// # Errors
///
/// If a routes file or an option of the Kafka client is invalid.
pub fn start(
    contracts: &[&'static Contract],
    kafka: &KafkaConfig,
    options: &Options,
    service: &Service,
) -> anyhow::Result<Arc<Edge>> {
    let timeout = Duration::from_millis(options.append_timeout_ms);
    let edge = Arc::new(Edge::new(contracts, kafka, timeout)?);
    readiness::watch(service, &edge, Registry::of(kafka));
    marks::watch(service, &edge, kafka);
    Ok(edge)
}

/// Waits until the brokers have acknowledged the commands that are still being sent. A process
/// calls it after its last request.
pub async fn flush(edge: Arc<Edge>) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || edge.appender.flush())
        .await?
        .context("some commands were not acknowledged before shutdown")
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
