//! The workflow process: reads events and outcomes, and sends the commands that follow from them.
//!
//! It contains no policies (they are the modules of this crate) and no Kafka code (see
//! `factline-policy`). To add a policy, add a line in [`hosted`].

use std::process::ExitCode;
use std::sync::Arc;

use factline_kafka::KafkaConfig;
use factline_service::{Service, ServiceConfig};
use policies::hosted;

/// Reads the events and outcomes of aggregates, and sends the commands that follow from them
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  policies provision\n  policies --only checkout --instance a"
)]
struct Config {
    #[command(subcommand)]
    job: Option<Job>,

    /// Host only this policy; can be given several times
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',', value_parser = hosted::names())]
    only: Vec<String>,

    #[command(flatten)]
    service: ServiceConfig,

    #[command(flatten)]
    kafka: KafkaConfig,
}

/// Jobs that run once and exit
#[derive(Debug, clap::Subcommand)]
enum Job {
    /// Commit the first offsets of new policies; policies that have offsets are not changed. The
    /// topics must exist
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
