//! The write process: reads commands, decides them by the rules of a list of aggregates, and writes
//! events and outcomes.
//!
//! It has no rules of its own. An application calls [`main`] with its aggregates.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory as _;
use factline_kafka::{KafkaConfig, topics::provision as topics};
use factline_service::{Service, ServiceConfig, parts};

use crate::{HostedAggregate, Options, RecordFactory, Report};

/// Decides commands: reads X.commands, writes X.events and X.outcomes, exactly once
#[derive(Debug, clap::Parser)]
#[command(
    name = NAME,
    version,
    after_help = "Example:\n  command-handlers provision\n  command-handlers --only ordering --instance a"
)]
struct Config {
    #[command(subcommand)]
    job: Option<Job>,

    /// Handle this context only; may be given several times
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',')]
    only: Vec<String>,

    #[command(flatten)]
    service: ServiceConfig,

    #[command(flatten)]
    kafka: KafkaConfig,

    #[command(flatten)]
    handler: Options,
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

/// The name of the process in logs and metrics.
const NAME: &str = "command-handlers";

/// Runs the process `command-handlers` for these aggregates.
pub fn main(aggregates: Vec<HostedAggregate>) -> ExitCode {
    let mut contexts: Vec<&str> = aggregates.iter().map(HostedAggregate::context).collect();
    contexts.dedup();
    factline_service::main_with::<Config, _, _>(
        parts::limit_to(Config::command(), contexts),
        NAME,
        |config: &Config| &config.service,
        |config, service| run(aggregates, config, service),
    )
}

async fn run(
    aggregates: Vec<HostedAggregate>,
    config: Config,
    service: Service,
) -> anyhow::Result<()> {
    check(&aggregates)?;
    let chosen = aggregates
        .into_iter()
        .filter(|aggregate| parts::includes(&config.only, aggregate.context()));
    if let Some(Job::Provision { replication_factor }) = config.job {
        for aggregate in chosen {
            provision(&config.kafka, &aggregate, replication_factor).await?;
        }
        return Ok(());
    }
    let report: Report = Arc::new(service.health.report());
    for aggregate in chosen {
        spawn(aggregate, &config.kafka, &config.handler, &report, &service);
    }
    service.serve_without_routes().await
}

/// Checks that no aggregate type is hosted twice.
pub fn check(aggregates: &[HostedAggregate]) -> Result<(), parts::NameTaken> {
    let names = aggregates.iter().map(|hosted| hosted.contract.aggregate);
    parts::check_names("aggregate type", names)
}

/// Creates the topics and schemas of an aggregate in Kafka and the registry.
pub async fn provision(
    kafka: &KafkaConfig,
    hosted: &HostedAggregate,
    replication: Option<i32>,
) -> anyhow::Result<()> {
    let aggregate = hosted.contract.aggregate;
    topics::provision(kafka, hosted.contract, replication)
        .await
        .with_context(|| format!("cannot provision {aggregate}"))?;
    RecordFactory::connect(kafka, hosted.contract)
        .await
        .with_context(|| format!("cannot register schemas of {aggregate}"))?;
    tracing::info!(aggregate, "provisioned");
    Ok(())
}

/// Starts the handler of an aggregate as a part of a process. It ends when the process drains.
pub fn spawn(
    aggregate: HostedAggregate,
    kafka: &KafkaConfig,
    options: &Options,
    report: &Report,
    service: &Service,
) {
    let (kafka, options) = (kafka.clone(), options.clone());
    let (report, stop) = (Arc::clone(report), service.shutdown.clone());
    service.spawn(aggregate.contract.aggregate, async move {
        Ok(aggregate.handle(kafka, options, report, stop).await?)
    });
}
