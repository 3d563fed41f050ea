//! The list of policies that this process hosts.

use std::future::Future;
use std::pin::Pin;

use anyhow::Context as _;
use factline::Policy;
use factline_kafka::{KafkaConfig, topics::provision};
use factline_policy::{Error, Report};
use factline_service::Service;
use tokio_util::sync::CancellationToken;

use crate::checkout;

/// A policy, with its functions.
struct Hosted {
    name: &'static str,
    provision: fn(KafkaConfig) -> Doing<provision::Error>,
    run: fn(KafkaConfig, Report, CancellationToken) -> Doing<Error>,
}

type Doing<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// Returns the policies. To host another one, add its line.
fn policies() -> Vec<Hosted> {
    vec![
        hosted::<checkout::Checkouts>(),
        hosted::<checkout::Orders>(),
        hosted::<checkout::Payments>(),
    ]
}

fn hosted<P: Policy>() -> Hosted {
    Hosted {
        name: P::NAME,
        provision: |kafka| Box::pin(async move { factline_policy::provision::<P>(&kafka).await }),
        run: |kafka, report, stop| Box::pin(factline_policy::run::<P>(kafka, report, stop)),
    }
}

/// Returns the names that `--only` accepts.
pub fn names() -> Vec<&'static str> {
    policies().iter().map(|hosted| hosted.name).collect()
}

fn chosen(only: &[String]) -> impl Iterator<Item = Hosted> {
    policies()
        .into_iter()
        .filter(move |hosted| only.is_empty() || only.iter().any(|name| name == hosted.name))
}

/// Commits the first offsets of policies that have none yet.
pub async fn provision(kafka: &KafkaConfig, only: &[String]) -> anyhow::Result<()> {
    for hosted in chosen(only) {
        (hosted.provision)(kafka.clone())
            .await
            .with_context(|| format!("cannot provision policy {}", hosted.name))?;
        tracing::info!(policy = hosted.name, "provisioned");
    }
    Ok(())
}

/// Starts the policies. Each ends when the process shuts down.
pub fn spawn(kafka: &KafkaConfig, only: &[String], report: &Report, service: &Service) {
    for hosted in chosen(only) {
        let running = (hosted.run)(kafka.clone(), report.clone(), service.shutdown.clone());
        service.spawn(hosted.name, async move { Ok(running.await?) });
    }
}
