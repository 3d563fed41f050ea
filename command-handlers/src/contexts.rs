//! The list of the contexts that this process hosts.

use std::future::Future;
use std::pin::Pin;

use anyhow::Context as _;
use factline::{Aggregate, AggregateType as _, Contract};
use factline_handler::{Options, RecordFactory, Report};
use factline_kafka::tools::aggregate_history::{self, Fact};
use factline_kafka::{KafkaConfig, Registry, topics::provision as topics};
use factline_service::Service;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// A context's aggregate: its contract, and the functions over its rules.
pub struct Hosted {
    /// The aggregate's contract.
    pub contract: &'static Contract,
    /// Returns the state after these events, as JSON, for tools.
    pub state: State,
    handle: Handle,
}

/// Folds events.
pub type State = fn(Registry, Vec<Fact>) -> Folding;
type Folding = Pin<Box<dyn Future<Output = anyhow::Result<Value>> + Send>>;

type Handle = fn(KafkaConfig, Options, Report, CancellationToken) -> Running;
type Running = Pin<Box<dyn Future<Output = Result<(), factline_handler::Error>> + Send>>;

/// To host one more aggregate, add its line.
pub fn contexts() -> Vec<Hosted> {
    vec![
        hosted::<catalog::Product>(),
        hosted::<checkout::Checkout>(),
        hosted::<ordering::Order>(),
        hosted::<payment::Payment>(),
    ]
}

fn hosted<A: Aggregate>() -> Hosted {
    Hosted {
        contract: A::Type::CONTRACT,
        state: |registry, facts| {
            Box::pin(async move {
                let state: A = aggregate_history::fold(&registry, &facts).await?;
                Ok(serde_json::to_value(&state)?)
            })
        },
        handle: |kafka, options, report, stop| {
            Box::pin(factline_handler::run::<A>(kafka, options, report, stop))
        },
    }
}

impl Hosted {
    /// Returns its name for `--only`.
    fn context(&self) -> &'static str {
        let aggregate = self.contract.aggregate;
        aggregate
            .split_once('.')
            .map_or(aggregate, |(context, _)| context)
    }
}

/// Returns the names that `--only` accepts.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = contexts().iter().map(Hosted::context).collect();
    names.dedup();
    names
}

fn chosen(only: &[String]) -> impl Iterator<Item = Hosted> {
    contexts()
        .into_iter()
        .filter(move |hosted| only.is_empty() || only.iter().any(|name| name == hosted.context()))
}

/// Creates the topics and schemas of the contexts in Kafka and the registry.
pub async fn provision(
    kafka: &KafkaConfig,
    only: &[String],
    replication: Option<i32>,
) -> anyhow::Result<()> {
    for hosted in chosen(only) {
        let aggregate = hosted.contract.aggregate;
        topics::provision(kafka, hosted.contract, replication)
            .await
            .with_context(|| format!("cannot provision {aggregate}"))?;
        RecordFactory::connect(kafka, hosted.contract)
            .await
            .with_context(|| format!("cannot register schemas of {aggregate}"))?;
        tracing::info!(aggregate, "provisioned");
    }
    Ok(())
}

/// Starts the handlers; each ends when the process drains.
pub fn spawn(
    kafka: &KafkaConfig,
    options: &Options,
    only: &[String],
    report: &Report,
    service: &Service,
) {
    for hosted in chosen(only) {
        let stop = service.shutdown.clone();
        let running = (hosted.handle)(kafka.clone(), options.clone(), report.clone(), stop);
        service.spawn(hosted.contract.aggregate, async move { Ok(running.await?) });
    }
}
