//! `factline state`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use factline::Timestamp;
use factline_kafka::tools::aggregate_history::{self, Fact};
use factline_kafka::{KafkaConfig, Registry};
use serde_json::json;

use crate::aggregates::Aggregates;
use crate::arguments::instant;
use crate::output::Output;
use crate::progress::during;
use crate::render;

/// Shows the current or a past state of an aggregate: its events, folded by the domain's own rules
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline state ordering.order 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                        factline state ordering.order 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --version 1\n  \
                        factline state ordering.order 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --at 2026-03-01T12:00:00Z"
)]
pub(crate) struct Options {
    /// Aggregate type, such as ordering.order
    aggregate: String,
    /// The aggregate's id
    id: String,
    /// Its state after N events
    #[arg(long, value_name = "N", conflicts_with = "at")]
    version: Option<u64>,
    /// Its state at this time: an instant, a day, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "T", value_parser = instant)]
    at: Option<Timestamp>,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let registry = Registry::of(kafka);
    let hosted = aggregates.of_type(&options.aggregate)?;
    let topics = kafka.topics(hosted.contract);
    let (kafka, id) = (kafka.clone(), options.id.clone());
    let read = tokio::task::spawn_blocking(move || aggregate_history::facts(&kafka, &topics, &id));
    let facts = cut(&options, during("reading", read).await??)?;
    let state = hosted
        .state(registry, facts.clone())
        .await
        .context("cannot fold the events")?;
    let last = facts.last();
    output.document(&json!({
        "type": options.aggregate,
        "id": options.id,
        "version": facts.len(),
        "time": last.map(|fact| render::instant(fact.record.timestamp)),
        "state": state,
    }))
}

/// Returns the events up to the requested version or time.
fn cut(options: &Options, mut facts: Vec<Fact>) -> Result<Vec<Fact>> {
    let (id, all) = (&options.id, facts.len());
    if all == 0 {
        bail!("no events of {id}");
    }
    if let Some(at) = options.at {
        facts.retain(|fact| fact.record.timestamp <= at);
    }
    if let Some(version) = options.version {
        match usize::try_from(version) {
            Ok(version) if version <= all => facts.truncate(version),
            _ => bail!("{id} has no version {version}; its newest version is {all}"),
        }
    }
    Ok(facts)
}
