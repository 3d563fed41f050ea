//! `factline history`.

mod refused;

use std::collections::HashMap;

use anyhow::{Result, bail};
use clap::Args;
use factline::Envelope;
use factline_kafka::tools::aggregate_history::{self, Fact};
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use serde_json::{Value, json};
use uuid::Uuid;

use self::refused::Outcomes;
use crate::aggregates::Aggregates;
use crate::output::{Output, Row, cell};
use crate::progress::during;
use crate::render;

/// Shows the history of one aggregate: its events and the commands that were refused, each with its
/// actor, time, command and cause
#[derive(Debug, Args)]
#[command(
    after_help = "Outcomes are kept for 14 days, and so are refused commands. The value of a command is shown as long as \
                  its record is kept.\n\nExamples:\n  \
                  factline history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                  factline history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --causes\n  \
                  factline history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --type ordering.order --format json"
)]
pub(crate) struct Options {
    /// The aggregate's id
    id: String,
    /// Aggregate type, such as ordering.order; without it, all types are searched
    #[arg(long = "type", value_name = "X")]
    aggregate: Option<String>,
    /// Show operation, cause, correlation, root, process and trace of each line instead of its
    /// data; JSON always has them
    #[arg(long)]
    causes: bool,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let registry = Registry::of(kafka);
    let mut lines = Vec::new();
    for hosted in aggregates.chosen(options.aggregate.as_deref())? {
        let aggregate = hosted.contract.aggregate;
        let topics = kafka.topics(hosted.contract);
        let (kafka, id) = (kafka.clone(), options.id.clone());
        let reading = tokio::task::spawn_blocking(move || read(&kafka, &topics, &id));
        let read = during("reading", reading).await??;
        let outcomes = Outcomes::decode(&registry, &read.outcomes).await?;
        for fact in &read.facts {
            let value = event(&registry, fact, &read.commands, &outcomes).await?;
            lines.push(Line::new(
                aggregate,
                value,
                &fact.record,
                Some(&fact.envelope),
            ));
        }
        for record in &read.outcomes {
            if let Some(value) = outcomes.refused(&registry, record, &read.commands).await? {
                let envelope = record.envelope().ok();
                lines.push(Line::new(aggregate, value, record, envelope.as_ref()));
            }
        }
    }
    if lines.is_empty() {
        bail!("no events of {}", options.id);
    }
    lines.sort_by_key(|line| line.order);
    let show = if options.causes { causes } else { data };
    let rows: Vec<Row> = lines.into_iter().map(|line| show(line.value)).collect();
    let heading: &[&str] = if options.causes { &CAUSES } else { &DATA };
    output.table(heading, &rows)
}

/// An event or a refused command.
struct Line {
    value: Value,
    /// Time, offset of the command, and version. A deadline is decided before the commands of the
    /// same time.
    order: (i64, i64, u64),
}

impl Line {
    fn new(
        aggregate: &str,
        mut value: Value,
        record: &Record,
        envelope: Option<&Envelope>,
    ) -> Self {
        let place = envelope.and_then(|known| known.command_position.as_deref());
        let offset = place.and_then(|place| place.rsplit_once('@')?.1.parse().ok());
        let version = envelope.and_then(|known| known.sequence);
        value["aggregate"] = aggregate.into();
        Self {
            value,
            order: (
                record.timestamp.timestamp_millis(),
                offset.unwrap_or(-1),
                version.unwrap_or_default(),
            ),
        }
    }
}

/// The records about one aggregate.
struct Read {
    facts: Vec<Fact>,
    outcomes: Vec<Record>,
    commands: Commands,
}

/// The first record of each operation.
type Commands = HashMap<Uuid, Record>;

fn read(kafka: &KafkaConfig, topics: &Topics, id: &str) -> Result<Read> {
    let facts = aggregate_history::facts(kafka, topics, id)?;
    let outcomes = aggregate_history::records_of(kafka, topics.outcomes(), id)?;
    let mut commands = Commands::new();
    if !facts.is_empty() || !outcomes.is_empty() {
        for command in aggregate_history::records_of(kafka, topics.commands(), id)? {
            commands.entry(command.operation()).or_insert(command);
        }
    }
    Ok(Read {
        facts,
        outcomes,
        commands,
    })
}

async fn event(
    registry: &Registry,
    fact: &Fact,
    commands: &Commands,
    outcomes: &Outcomes,
) -> Result<Value> {
    let mut event = render::record(registry, &fact.record).await?;
    event["command"] = command(registry, fact.envelope.operation, commands, outcomes).await?;
    Ok(event)
}

/// Returns an operation's command. If its record was trimmed, or a deadline has no record, returns
/// the name that the outcome has.
async fn command(
    registry: &Registry,
    operation: Uuid,
    commands: &Commands,
    outcomes: &Outcomes,
) -> Result<Value> {
    if let Some(command) = commands.get(&operation) {
        return render::record(registry, command).await;
    }
    let mut known = json!({"operation": operation.to_string()});
    if let Some(name) = outcomes.name(operation) {
        known["type"] = name.into();
    }
    Ok(known)
}

const DATA: [&str; 6] = ["version", "time", "who", "command", "what", "data"];

/// Returns a line with its data. That of a refused command is the reason, or else what it asked
/// for.
fn data(value: Value) -> Row {
    let of_command = value["command"].get("data");
    let data = match value.get("refused") {
        Some(_) => value.get("reason").or(of_command),
        None => value.get("data").or_else(|| value.get("undecodable")),
    };
    let data = data.map_or_else(|| "-".to_owned(), cell);
    let mut cells = beginning(&value);
    cells.push(data);
    (value, cells)
}

const CAUSES: [&str; 11] = [
    "version",
    "time",
    "who",
    "command",
    "what",
    "operation",
    "causation",
    "correlation",
    "root",
    "process",
    "trace",
];

/// Returns a line with everything that led to it.
fn causes(value: Value) -> Row {
    let mut cells = beginning(&value);
    for name in ["operation", "causation", "correlation", "root_operation"] {
        cells.push(cell(&value[name]));
    }
    let process = match (&value["process_type"], &value["process_id"]) {
        (Value::Null, Value::Null) => "-".to_owned(),
        (kind, id) => format!("{} {}", cell(kind), cell(id)),
    };
    cells.push(process);
    cells.push(cell(&value["traceparent"]));
    (value, cells)
}

/// Returns the columns that all lines have. A refused command has no version.
fn beginning(value: &Value) -> Vec<String> {
    let command = value["command"].get("type").unwrap_or(&value["operation"]);
    let what = match (&value["refused"], &value["code"]) {
        (Value::Null, _) => cell(&value["type"]),
        (state, Value::Null) => cell(state),
        (state, code) => format!("{}: {}", cell(state), cell(code)),
    };
    vec![
        cell(&value["version"]),
        cell(&value["time"]),
        cell(&value["actor"]),
        cell(command),
        what,
    ]
}
