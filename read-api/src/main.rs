//! The read side over HTTP: see the library.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use factline_postgres::{PostgresConfig, Snapshots};
use factline_service::{Service, ServiceConfig};

/// Answers questions about the store, from the views in PostgreSQL
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
    /// Milliseconds that a read waits for the position in `Factline-Position` before it answers 503
    #[arg(long, env = "FACTLINE_FRESHNESS_TIMEOUT_MS", default_value_t = 5000)]
    freshness_timeout_ms: u64,
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("read-api", |config| &config.service, run)
}

async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let pool = config.postgres.pool(service.name);
    let patience = Duration::from_millis(config.freshness_timeout_ms);
    let snapshots = Snapshots::new(pool.clone(), patience, service.shutdown.clone());
    service.health.expect(read_api::readiness::COMPONENT);
    let watch = read_api::readiness::watch(pool, service.health.clone(), service.shutdown.clone());
    service.tasks.spawn(watch);
    service.serve(read_api::router(snapshots)).await
}
