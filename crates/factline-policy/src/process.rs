//! The workflow process: reads events and outcomes, and sends the commands that follow from them by
//! a list of policies.
//!
//! It has no policies of its own. An application calls [`main`] with its policies.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory as _;
use factline_kafka::client::config::KafkaConfig;
use factline_service::{Service, ServiceConfig, parts};

use crate::{HostedPolicy, Report};

/// Reads the events and outcomes of aggregates, and sends the commands that follow from them
#[derive(Debug, clap::Parser)]
#[command(
    name = NAME,
    version,
    after_help = "Example:\n  policies provision\n  policies --only checkout --instance a"
)]
struct Config {
    #[command(subcommand)]
    job: Option<Job>,

    /// Host only this policy; can be given several times
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',')]
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

/// The name of the process in logs and metrics.
const NAME: &str = "policies";

/// Runs the process `policies` for these policies.
pub fn main(policies: Vec<HostedPolicy>) -> ExitCode {
    let names: Vec<&str> = policies.iter().map(|policy| policy.name).collect();
    factline_service::main_with::<Config, _, _>(
        parts::limit_to(Config::command(), names),
        NAME,
        |config: &Config| &config.service,
        |config, service| run(policies, config, service),
    )
}

async fn run(policies: Vec<HostedPolicy>, config: Config, service: Service) -> anyhow::Result<()> {
    check(&policies)?;
    let chosen = policies
        .into_iter()
        .filter(|policy| parts::includes(&config.only, policy.name));
    if let Some(Job::Provision) = config.job {
        for policy in chosen {
            provision(&config.kafka, &policy).await?;
        }
        return Ok(());
    }
    let report: Report = Arc::new(service.health.report());
    for policy in chosen {
        spawn(policy, &config.kafka, &report, &service);
    }
    service.serve_without_routes().await
}

/// Checks that no two policies have one name, and so one consumer group.
pub fn check(policies: &[HostedPolicy]) -> Result<(), parts::NameTaken> {
    parts::check_names("policy", policies.iter().map(|policy| policy.name))
}

/// Commits the first offsets of a policy that has none yet.
pub async fn provision(kafka: &KafkaConfig, hosted: &HostedPolicy) -> anyhow::Result<()> {
    hosted
        .provision(kafka.clone())
        .await
        .with_context(|| format!("cannot provision policy {}", hosted.name))?;
    tracing::info!(policy = hosted.name, "provisioned");
    Ok(())
}

/// Starts a policy as a part of a process. It ends when the process shuts down.
pub fn spawn(policy: HostedPolicy, kafka: &KafkaConfig, report: &Report, service: &Service) {
    let (kafka, report) = (kafka.clone(), Arc::clone(report));
    let stop = service.shutdown.clone();
    service.spawn(policy.name, async move {
        Ok(policy.run(kafka, report, stop).await?)
    });
}
