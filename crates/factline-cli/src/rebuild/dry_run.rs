//! `factline rebuild --dry-run`: what a rebuild by this program would change, and the first event
//! after which each row differs.

mod first;
mod html;

use std::path::Path;

use anyhow::{Context as _, Result};
use factline_postgres::HostedView;
use factline_postgres::history;
use factline_postgres::rebuild::dry_run::RowDifference;
use factline_postgres::rebuild::{self, Differences, Rebuild};
use serde_json::{Value, json};

use crate::output::{Output, Row, cell};
use crate::past;

use super::bar;
use first::{Baseline, First};

pub(super) use first::Program;

/// A row that differs, with the first event after which it does.
struct Explained {
    row: RowDifference,
    first: First,
}

/// Compares, prints and returns whether a rebuild would change nothing.
pub(super) async fn run(
    view: &HostedView,
    with: &Rebuild,
    most_rows: u32,
    baseline: Option<Program>,
    html: Option<&Path>,
    output: &Output,
) -> Result<bool> {
    let comparing = rebuild::dry_run(view, with, most_rows);
    let differences = bar::beside(&with.progress, comparing).await?;
    let rows = explain(view, with, &differences, baseline).await?;
    if let Some(file) = html {
        let page = html::page(view, &differences, &rows);
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    print(view, &differences, &rows, *output)?;
    Ok(differences.is_empty())
}

/// Finds the first event after which each of the rows differs.
async fn explain(
    view: &HostedView,
    with: &Rebuild,
    differences: &Differences,
    baseline: Option<Program>,
) -> Result<Vec<Explained>> {
    if differences.rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Value> = differences.rows.iter().map(|row| key(view, row)).collect();
    let sources = history::Sources {
        kafka: with.kafka.clone(),
        registry: with.registry.clone(),
        pool: with.pool.clone(),
    };
    let until = history::Until::Sequences(differences.reached.clone());
    let changes = history::changes(view, &sources, until, &keys).await?;
    let baseline = match baseline {
        Some(program) => Some(Baseline::of(&program, view, &keys, &differences.reached).await?),
        None => None,
    };
    let rows = differences.rows.iter().map(|row| {
        let key = key(view, row);
        let first = first::find(view, row, &key, &changes, baseline.as_ref());
        let row = row.clone();
        Explained { row, first }
    });
    Ok(rows.collect())
}

/// Returns the row's key without the partition of its events.
fn key(view: &HostedView, row: &RowDifference) -> Value {
    let columns = history::key_columns(view);
    let fields = columns.into_iter().map(|column| {
        let value = row.key.get(column).cloned();
        (column.to_owned(), value.unwrap_or_default())
    });
    Value::Object(fields.collect())
}

fn print(
    view: &HostedView,
    differences: &Differences,
    rows: &[Explained],
    output: Output,
) -> Result<()> {
    let summary = json!({
        "view": view.name,
        "version": differences.version,
        "shown": differences.shown,
        "same": differences.same,
        "added": differences.added,
        "removed": differences.removed,
        "changed": differences.changed,
        "new_columns": differences.new_columns,
        "lost_columns": differences.lost_columns,
        "unapplied": differences.unapplied.iter().map(|event| json!({
            "place": event.place, "key": event.key, "cause": event.cause,
        })).collect::<Vec<_>>(),
    });
    output.document(&summary)?;
    let rows: Vec<Row> = rows.iter().map(line).collect();
    if rows.is_empty() {
        return Ok(());
    }
    output.table(
        &["key", "difference", "first event", "place", "time"],
        &rows,
    )
}

fn line(Explained { row, first }: &Explained) -> Row {
    let value = json!({
        "key": row.key,
        "live": row.live,
        "new": row.new,
        "first": first.json(),
    });
    let event = first.event();
    let of = |name: &str| event.map_or_else(|| "-".to_owned(), |event| cell(&event[name]));
    let cells = vec![
        short(&row.key),
        past::changed(row.live.as_ref(), row.new.as_ref()),
        of("type"),
        of("place"),
        of("time"),
    ];
    (value, cells)
}

/// Returns a key for people: its value, if it has one column.
fn short(key: &Value) -> String {
    match key.as_object() {
        Some(fields) if fields.len() == 1 => fields.values().map(cell).collect(),
        _ => cell(key),
    }
}
