//! The process `read-api`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use factline_postgres::{ConsistentReads, PostgresConfig};
use factline_service::{Service, ServiceConfig};

use crate::routes::router;
use crate::{Resource, readiness};

/// Serves views over HTTP, from PostgreSQL
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    version,
    after_help = "Example:\n  read-api --listen 127.0.0.1:8105 \\\n    --database-url postgres://factline_reader@127.0.0.1:15432/factline"
)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Options of the database.
    #[command(flatten)]
    pub postgres: PostgresConfig,
    /// Options of reads.
    #[command(flatten)]
    pub read: Options,
}

/// Options of reads.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Maximum time in milliseconds that a read waits for the position in `Factline-Position`;
    /// after it the client gets 503
    #[arg(long, env = "FACTLINE_FRESHNESS_TIMEOUT_MS", default_value_t = 5000)]
    pub freshness_timeout_ms: u64,
    /// Maximum number of reads that wait for a position at the same time; further ones get 503
    #[arg(long, env = "FACTLINE_FRESHNESS_MAX_WAITING", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub freshness_max_waiting: u32,
}

/// The name of the process in logs and metrics.
const NAME: &str = "read-api";

/// Runs the process `read-api` with these resources.
pub fn main(resources: &'static [Resource]) -> ExitCode {
    factline_service::main::<Config, _, _>(
        NAME,
        |config| &config.service,
        |config, service| run(resources, config, service),
    )
}

/// Serves requests until the process drains.
pub async fn run(
    resources: &'static [Resource],
    config: Config,
    service: Service,
) -> anyhow::Result<()> {
    let snapshots = start(resources, &config.postgres, &config.read, &service);
    service.serve(router(resources, snapshots)?).await
}

/// Starts the read side as a part of a process: it watches the database. Returns the source of its
/// responses, for [`routes`](crate::routes()).
pub fn start(
    resources: &'static [Resource],
    postgres: &PostgresConfig,
    options: &Options,
    service: &Service,
) -> ConsistentReads {
    let pool = postgres.reader_pool(service.name);
    let patience = Duration::from_millis(options.freshness_timeout_ms);
    let snapshots = ConsistentReads::new(pool.clone(), patience, service.shutdown.clone())
        .max_waiting(options.freshness_max_waiting as usize);
    service.health.expect(readiness::COMPONENT);
    let (health, shutdown) = (service.health.clone(), service.shutdown.clone());
    service
        .tasks
        .spawn(readiness::watch(resources, pool, health, shutdown));
    snapshots
}
