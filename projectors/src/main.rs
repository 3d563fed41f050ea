//! The process `projectors`; see the library of the same name.

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::PostgresConfig;
use factline_service::{Service, ServiceConfig};
use projectors::views::{ALL, Dependencies, Entry};

/// Maintains the store's read models in PostgreSQL, from its events
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  projectors migrate\n  projectors --only orders"
)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    postgres: PostgresConfig,
    /// Maintain only these views, separated by commas; without it, all views
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',', value_parser = view)]
    only: Vec<&'static str>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create or update tables, stable names and rights, then exit
    Migrate,
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("projectors", |config| &config.service, run)
}

async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let pool = config.postgres.pool(service.name);
    if let Some(Command::Migrate) = config.command {
        return projectors::migrate::run(&pool).await;
    }
    let registry = Registry::new(&config.kafka.registry_url);
    let wanted = |entry: &&Entry| config.only.is_empty() || config.only.contains(&entry.name);
    for entry in ALL.iter().filter(wanted) {
        service.health.expect(entry.name);
        let health = service.health.clone();
        let dependencies = Dependencies {
            kafka: config.kafka.clone(),
            registry: registry.clone(),
            pool: config.postgres.follower_pool(service.name),
            report: Box::new(move |state| health.set(entry.name, state)),
            shutdown: service.shutdown.clone(),
        };
        service.spawn(entry.name, entry.run(dependencies));
    }
    service.serve(axum::Router::new()).await
}

fn view(name: &str) -> anyhow::Result<&'static str> {
    let Some(entry) = ALL.iter().find(|entry| entry.name == name) else {
        let known: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
        bail!("unknown view; known views: {}", known.join(", "));
    };
    Ok(entry.name)
}
