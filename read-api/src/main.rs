//! The process `read-api`; see the library of the same name.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use factline_postgres::{ConsistentReads, PostgresConfig};
use factline_service::{Service, ServiceConfig};

/// Serves the store's data over HTTP, from the views in PostgreSQL
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  read-api --listen 127.0.0.1:8105 \\\n    --database-url postgres://factline_reader@127.0.0.1:15432/factline"
)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
    #[command(flatten)]
    postgres: PostgresConfig,
    /// Maximum time in milliseconds that a read waits for the position in `Factline-Position`;
    /// after it the client gets 503
    #[arg(long, env = "FACTLINE_FRESHNESS_TIMEOUT_MS", default_value_t = 5000)]
    freshness_timeout_ms: u64,
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("read-api", |config| &config.service, run)
}

async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let pool = config.postgres.pool(service.name);
    let patience = Duration::from_millis(config.freshness_timeout_ms);
    let snapshots = ConsistentReads::new(pool.clone(), patience, service.shutdown.clone());
    service.health.expect(read_api::readiness::COMPONENT);
    let watch = read_api::readiness::watch(pool, service.health.clone(), service.shutdown.clone());
    service.tasks.spawn(watch);
    service.serve(read_api::router(snapshots)).await
}
