//! `factline history`.

use std::collections::HashMap;

use anyhow::{Result, bail};
use clap::Args;
use factline_kafka::tools::aggregate_history::{self, Fact};
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aggregates::Aggregates;
use crate::output::{Output, Row, cell};
use crate::progress::during;
use crate::render;

/// Shows the history of one aggregate: each event with its actor, time and command
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                        factline history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --type ordering.order --format json"
)]
pub(crate) struct Options {
    /// The aggregate's id
    id: String,
    /// Aggregate type, such as ordering.order; without it, all types are searched
    #[arg(long = "type", value_name = "X")]
    aggregate: Option<String>,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let registry = Registry::of(kafka);
    let mut rows = Vec::new();
    for hosted in aggregates.chosen(options.aggregate.as_deref())? {
        let topics = kafka.topics(hosted.contract);
        let (kafka, id) = (kafka.clone(), options.id.clone());
        let reading = tokio::task::spawn_blocking(move || read(&kafka, &topics, &id));
        let (facts, commands) = during("reading", reading).await??;
        for fact in facts {
            rows.push(row(&registry, &fact, &commands).await?);
        }
    }
    if rows.is_empty() {
        bail!("no events of {}", options.id);
    }
    output.table(
        &["version", "time", "who", "command", "what", "data"],
        &rows,
    )
}

type Commands = HashMap<Uuid, Record>;

fn read(kafka: &KafkaConfig, topics: &Topics, id: &str) -> Result<(Vec<Fact>, Commands)> {
    let facts = aggregate_history::facts(kafka, topics, id)?;
    if facts.is_empty() {
        return Ok((facts, Commands::new()));
    }
    let commands = aggregate_history::records_of(kafka, topics.commands(), id)?;
    let mut by_operation = Commands::new();
    for command in commands {
        by_operation.entry(command.operation()).or_insert(command);
    }
    Ok((facts, by_operation))
}

async fn row(registry: &Registry, fact: &Fact, commands: &Commands) -> Result<Row> {
    let command = match commands.get(&fact.envelope.operation) {
        Some(command) => render::record(registry, command).await?,
        // The commands topic may have been trimmed, because handled commands are not needed there
        // any more.
        None => json!({"operation": fact.envelope.operation.to_string()}),
    };
    let mut event = render::record(registry, &fact.record).await?;
    event["command"] = command;
    let show = |value: &Value| cell(value);
    let command = event["command"].get("type").unwrap_or(&event["operation"]);
    let data = event
        .get("data")
        .or_else(|| event.get("undecodable"))
        .unwrap_or(&Value::Null);
    let cells = vec![
        show(&event["version"]),
        show(&event["time"]),
        show(&event["actor"]),
        show(command),
        show(&event["type"]),
        show(data),
    ];
    Ok((event, cells))
}
