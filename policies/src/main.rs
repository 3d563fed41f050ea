//! The workflow process: reads what has happened, sends the commands that follow from it.
//!
//! It holds no policies (those are the modules of this crate) and no machinery (that is `factline-kafka`). To add a
//! policy: one line in [`hosted`].

use std::process::ExitCode;
use std::sync::Arc;

use factline_kafka::KafkaConfig;
use factline_service::{Service, ServiceConfig};
use policies::hosted;

/// Links aggregates: reads their events and outcomes, sends the commands that follow
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  policies provision\n  policies --only checkout --instance a"
)]
struct Config {
    #[command(subcommand)]
    job: Option<Job>,

    /// Host this policy only; may be given several times
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',', value_parser = hosted::names())]
    only: Vec<String>,

    #[command(flatten)]
    service: ServiceConfig,

    #[command(flatten)]
    kafka: KafkaConfig,
}

/// Jobs that run once and end
#[derive(Debug, clap::Subcommand)]
enum Job {
    /// Commit the first offsets of new policies; those that have some are left alone. The topics must be there
    Provision,
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("policies", |config: &Config| &config.service, run)
}

async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    if let Some(Job::Provision) = config.job {
        return hosted::provision(&config.kafka, &config.only).await;
    }
    let health = service.health.clone();
    let report: factline_policy::Report =
        Arc::new(move |component, state| health.set(component, state));
    hosted::spawn(&config.kafka, &config.only, &report, &service);
    service.serve(axum::Router::new()).await
}
