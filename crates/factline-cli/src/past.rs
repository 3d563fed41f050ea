//! `factline why` and `factline view`: the past of a view's rows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::history::{self, Change, Sources, Until};
use factline_postgres::{HostedView, PostgresConfig};
use serde_json::{Map, Value, json};

use crate::arguments::instant;
use crate::output::{Output, Row, cell};
use crate::progress::during;
use crate::render;
use crate::views::Views;

/// Shows the events that made a row of a view what it is, each with what it changed
#[derive(Debug, Args)]
#[command(
    after_help = "Of a view whose rows are sums, it shows what each event adds.\n\nExamples:\n  \
                  factline why orders 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                  factline why customer-spending '{\"customer_id\": \"ada\", \"currency\": \"USD\"}'"
)]
pub(crate) struct WhyOptions {
    /// The view
    view: String,
    /// The row's key: its value, or a JSON object if it has several columns
    #[arg(required_unless_present = "keys")]
    key: Option<String>,
    /// Read keys from a file instead, one JSON object in each line
    #[arg(long, value_name = "FILE", hide = true)]
    keys: Option<PathBuf>,
    /// Read the sequence of the last event of each partition from a file, a JSON object
    #[arg(long, value_name = "FILE", hide = true)]
    sequences: Option<PathBuf>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    postgres: PostgresConfig,
}

/// Shows the rows of a view as they were: folded from the events up to a time
#[derive(Debug, Args)]
#[command(
    after_help = "The rows are folded in memory, by this program's code.\n\nExamples:\n  \
                  factline view orders --at 2026-03-01T12:00:00Z\n  \
                  factline view orders --at 2h --key 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                  factline view orders --at 3@1205"
)]
pub(crate) struct ViewOptions {
    /// The view
    view: String,
    /// One row only: its key, or a JSON object if it has several columns
    #[arg(long, value_name = "K")]
    key: Option<String>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    postgres: PostgresConfig,
}

/// The end of the events.
#[derive(Debug, Args)]
struct At {
    /// Only events up to this time: an instant, a day, or an age such as 90s, 15m, 2h, 7d; or up to
    /// the event PARTITION@OFFSET
    #[arg(long, value_name = "T", value_parser = until)]
    at: Option<Until>,
}

fn until(text: &str) -> Result<Until, String> {
    let Some((partition, offset)) = text.split_once('@') else {
        let time = instant(text).map(Until::Time);
        return time.map_err(|error| format!("{error}; or PARTITION@OFFSET"));
    };
    match (partition.parse(), offset.parse()) {
        (Ok(partition), Ok(offset)) => Ok(Until::Offset { partition, offset }),
        _ => Err("is neither a time nor PARTITION@OFFSET".to_owned()),
    }
}

pub(crate) async fn why(
    options: WhyOptions,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let view = views.of_name(&options.view)?;
    let keys = match (&options.key, &options.keys) {
        (Some(text), _) => vec![key(&view, text)?],
        (None, Some(file)) => keys_of(file)?,
        (None, None) => bail!("a key is missing"),
    };
    let until = match &options.sequences {
        Some(file) => Until::Sequences(sequences_of(file)?),
        None => options.at.at.unwrap_or_default(),
    };
    let sources = sources(kafka, &options.postgres);
    let reading = history::changes(&view, &sources, until, &keys);
    let changes = during("reading", reading).await?;
    if changes.is_empty() && options.key.is_some() {
        bail!("no event has changed this row of {}", view.view_name());
    }
    let rows: Vec<Row> = changes.iter().map(row).collect();
    output.table(
        &["time", "who", "event", "place", "operation", "changed"],
        &rows,
    )
}

pub(crate) async fn view(
    options: ViewOptions,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let view = views.of_name(&options.view)?;
    let sources = sources(kafka, &options.postgres);
    let wanted = options.key.as_deref().map(|text| key(&view, text));
    let wanted = wanted.transpose()?;
    let until = options.at.at.unwrap_or_default();
    let reading = history::rows_at(&view, &sources, until);
    let mut rows = during("reading", reading).await?;
    if let Some(wanted) = wanted {
        rows.retain(|row| is_of(row, &wanted));
        let [row] = rows.as_slice() else {
            bail!("{} had no row with this key", view.view_name());
        };
        return output.document(row);
    }
    let names: Vec<String> = match rows.first().and_then(Value::as_object) {
        Some(row) => row.keys().cloned().collect(),
        None => Vec::new(),
    };
    let heading: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows: Vec<Row> = rows
        .into_iter()
        .map(|row| {
            let cells = names.iter().map(|name| cell(&row[name.as_str()])).collect();
            (row, cells)
        })
        .collect();
    output.table(&heading, &rows)
}

pub(crate) fn sources(kafka: &KafkaConfig, postgres: &PostgresConfig) -> Sources {
    Sources {
        kafka: kafka.clone(),
        registry: Registry::of(kafka),
        pool: postgres.pool("factline"),
    }
}

/// Returns a change as the output has it.
pub(crate) fn row(change: &Change) -> Row {
    let Change {
        key,
        envelope,
        before,
        after,
        ..
    } = change;
    let place = place(change);
    let value = json!({
        "key": key,
        "time": render::instant(change.time),
        "type": envelope.record,
        "topic": change.topic,
        "partition": change.partition,
        "offset": change.offset,
        "place": place,
        "actor": envelope.actor,
        "operation": envelope.operation,
        "root_operation": envelope.root_operation,
        "command": envelope.command_position,
        "causation": envelope.causation,
        "correlation": envelope.correlation,
        "before": before,
        "after": after,
    });
    let cells = vec![
        render::instant(change.time),
        cell(&envelope.actor.clone().into()),
        envelope.record.clone(),
        format!("{}@{}", change.partition, change.offset),
        envelope.operation.to_string(),
        changed(before.as_ref(), after.as_ref()),
    ];
    (value, cells)
}

pub(crate) fn place(change: &Change) -> String {
    format!("{}/{}@{}", change.topic, change.partition, change.offset)
}

/// Returns the fields in which two rows differ, for people.
pub(crate) fn changed(before: Option<&Value>, after: Option<&Value>) -> String {
    let empty = Map::new();
    let fields = |row: Option<&Value>| row.and_then(Value::as_object).cloned();
    match (fields(before), fields(after)) {
        (_, None) => "row deleted".to_owned(),
        (before, Some(after)) => {
            let is_new = before.is_none();
            let before = before.unwrap_or(empty);
            let changes = after
                .iter()
                .filter(|(name, value)| before.get(*name) != Some(value))
                .map(|(name, value)| match before.get(name) {
                    Some(before) => format!("{name}: {} → {}", cell(before), cell(value)),
                    None => format!("{name}: {}", cell(value)),
                });
            let changes = changes.collect::<Vec<_>>().join(", ");
            if is_new {
                format!("row with {changes}")
            } else {
                changes
            }
        }
    }
}

/// Returns whether a row has this key.
fn is_of(row: &Value, key: &Value) -> bool {
    let fields = key.as_object().into_iter().flatten();
    // A key may be given as text, whatever the type of its column.
    fields.into_iter().all(|(name, value)| {
        row.get(name)
            .is_some_and(|found| found == value || cell(found) == cell(value))
    })
}

/// Returns a key as a JSON object.
fn key(view: &HostedView, text: &str) -> Result<Value> {
    let columns = history::key_columns(view);
    match columns.as_slice() {
        [column] => Ok(json!({ *column: text })),
        columns => {
            let columns = columns.join(", ");
            let key: Value = serde_json::from_str(text)
                .with_context(|| format!("the key is not a JSON object with {columns}"))?;
            ensure!(
                key.is_object(),
                "the key is not a JSON object with {columns}"
            );
            Ok(key)
        }
    }
}

fn keys_of(file: &PathBuf) -> Result<Vec<Value>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let keys = text.lines().map(serde_json::from_str);
    keys.collect::<Result<_, _>>()
        .with_context(|| format!("{} has a line that is not JSON", file.display()))
}

fn sequences_of(file: &PathBuf) -> Result<BTreeMap<i32, u64>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} does not have sequences by partition", file.display()))
}
