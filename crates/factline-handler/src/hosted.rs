//! An aggregate as data, for processes and tools that serve a list of aggregates.

use std::future::Future;
use std::pin::Pin;

use factline::{Aggregate, AggregateType as _, Contract};
use factline_kafka::tools::aggregate_history::{self, Fact};
use factline_kafka::{KafkaConfig, Registry};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::deadlines::{self, SetDeadlines};
use crate::dry_run::{self, Log, Verdict};
use crate::{Error, Options, Report};

/// An aggregate: its contract, and the functions over its rules.
#[derive(Debug, Clone, Copy)]
pub struct HostedAggregate {
    /// The aggregate's contract.
    pub contract: &'static Contract,
    state: fn(Registry, Vec<Fact>) -> Folding,
    dry_run: DryRun,
    deadlines: fn(KafkaConfig, usize) -> Listing,
    handle: fn(KafkaConfig, Options, Report, CancellationToken) -> Running,
}

type DryRun = fn(Log<'_>, &mut dyn FnMut(Verdict)) -> Result<(), dry_run::Error>;
type Folding = Pin<Box<dyn Future<Output = Result<Value, StateError>> + Send>>;
type Listing = Pin<Box<dyn Future<Output = Result<SetDeadlines, deadlines::Error>> + Send>>;
type Running = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Reasons for which the state of an aggregate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The events cannot be folded.
    #[error(transparent)]
    Fold(#[from] aggregate_history::Error),
    /// The state has no JSON form.
    #[error("cannot show the state as JSON")]
    Json(#[from] serde_json::Error),
}

impl HostedAggregate {
    /// Returns the entry of an aggregate.
    pub fn of<A: Aggregate>() -> Self {
        Self {
            contract: A::Type::CONTRACT,
            state: |registry, facts| {
                Box::pin(async move {
                    let state: A = aggregate_history::fold(&registry, &facts).await?;
                    Ok(serde_json::to_value(&state)?)
                })
            },
            dry_run: |log, then| dry_run::compare::<A>(log, then),
            deadlines: |kafka, limit| Box::pin(deadlines::list::<A>(kafka, limit)),
            handle: |kafka, options, report, stop| {
                Box::pin(crate::run::<A>(kafka, options, report, stop))
            },
        }
    }

    /// Returns the context of its type: `ordering` for `ordering.order`.
    pub fn context(&self) -> &'static str {
        let aggregate = self.contract.aggregate;
        aggregate
            .split_once('.')
            .map_or(aggregate, |(context, _)| context)
    }

    /// Returns the state after these events, as JSON.
    pub async fn state(&self, registry: Registry, facts: Vec<Fact>) -> Result<Value, StateError> {
        (self.state)(registry, facts).await
    }

    /// Decides the recorded commands and deadlines of a partition again, by these rules, and passes
    /// on the verdict about each. Blocks until all have been compared, and writes nothing.
    ///
    /// # Errors
    /// If the records cannot be read, or the registry is unavailable.
    pub fn dry_run(
        &self,
        log: Log<'_>,
        then: &mut dyn FnMut(Verdict),
    ) -> Result<(), dry_run::Error> {
        (self.dry_run)(log, then)
    }

    /// Returns the first deadlines that are set, at most `limit`. Writes nothing.
    ///
    /// # Errors
    /// If the log cannot be read, or an event halts a partition.
    pub async fn deadlines(
        &self,
        kafka: KafkaConfig,
        limit: usize,
    ) -> Result<SetDeadlines, deadlines::Error> {
        (self.deadlines)(kafka, limit).await
    }

    /// Handles its commands until shutdown, like [`run`](crate::run).
    pub async fn handle(
        &self,
        kafka: KafkaConfig,
        options: Options,
        report: Report,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        (self.handle)(kafka, options, report, stop).await
    }
}
