//! The write process: reads commands, decides them by the contexts' rules, writes events and
//! outcomes.
//!
//! It has no rules (those are in the crates below this folder) and no machinery (that is in
//! `factline-handler`). To add a context, add one line in [`contexts`].

use std::process::ExitCode;
use std::sync::Arc;

use command_handlers::contexts;
use factline_kafka::KafkaConfig;
use factline_service::{Service, ServiceConfig};

/// Decides commands: reads X.commands, writes X.events and X.outcomes, exactly once
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  command-handlers provision\n  command-handlers --only ordering --instance a"
)]
struct Config {
    #[command(subcommand)]
    job: Option<Job>,

    /// Handle this context only; may be given several times
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',', value_parser = contexts::names())]
    only: Vec<String>,

    #[command(flatten)]
    service: ServiceConfig,

    #[command(flatten)]
    kafka: KafkaConfig,

    #[command(flatten)]
    handler: factline_handler::Options,
}

/// Jobs that run once and end
#[derive(Debug, clap::Subcommand)]
enum Job {
    /// Create the topics, commit first offsets and register schemas; existing ones are checked and
    /// left unchanged
    Provision {
        /// Replicas of each topic; the default is the cluster's
        #[arg(long, env = "FACTLINE_REPLICATION_FACTOR")]
        replication_factor: Option<i32>,
    },
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>(
        "command-handlers",
        |config: &Config| &config.service,
        run,
    )
}

async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    if let Some(Job::Provision { replication_factor }) = config.job {
        return contexts::provision(&config.kafka, &config.only, replication_factor).await;
    }
    let health = service.health.clone();
    let report: factline_handler::Report =
        Arc::new(move |component, state| health.set(component, state));
    contexts::spawn(
        &config.kafka,
        &config.handler,
        &config.only,
        &report,
        &service,
    );
    service.serve(axum::Router::new()).await
}
