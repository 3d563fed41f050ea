//! The report in the terminal, and as JSON lines.

use anyhow::Result;
use factline_handler::dry_run::{DecisionResult, Difference};
use serde_json::{Value, json};

use super::tally::{Kind, Tally};
use crate::output::{Output, Row, cell};
use crate::render;

/// Prints a line for each aggregate type, then the kinds of differences, and then decisions of each
/// kind. What was not compared comes last.
pub(super) fn print(tallies: &[(&str, Tally)], output: Output) -> Result<()> {
    let rows: Vec<Row> = tallies.iter().map(summary).collect();
    output.table(
        &["aggregate", "same", "same events", "differ", "not compared"],
        &rows,
    )?;
    let (mut kinds, mut shown, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for (aggregate, tally) in tallies {
        for (kind, group) in tally.kinds() {
            kinds.push(of_kind(aggregate, kind, group.count));
            shown.extend(group.first.iter().map(|one| decision(aggregate, one)));
        }
        skipped.extend(uncompared(aggregate, tally));
    }
    section(
        output,
        &["differ", "command", "old", "new", "first field"],
        &kinds,
    )?;
    section(
        output,
        &[
            "command",
            "key",
            "place",
            "time",
            "operation",
            "field",
            "old",
            "new",
        ],
        &shown,
    )?;
    section(
        output,
        &[
            "not compared",
            "aggregate",
            "reason",
            "for example",
            "detail",
        ],
        &skipped,
    )
}

fn section(output: Output, heading: &[&str], rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    if !output.is_for_programs() {
        output.line(&(Value::Null, vec![String::new()]))?;
    }
    output.table(heading, rows)
}

fn summary((aggregate, tally): &(&str, Tally)) -> Row {
    let counts = [
        tally.same,
        tally.same_events,
        tally.differ(),
        tally.uncompared(),
    ];
    let value = json!({
        "aggregate": aggregate,
        "same": counts[0],
        "same_events": counts[1],
        "differ": counts[2],
        "not_compared": counts[3],
    });
    let cells = counts.iter().map(ToString::to_string);
    let cells = std::iter::once((*aggregate).to_owned()).chain(cells);
    (value, cells.collect())
}

fn of_kind(aggregate: &str, kind: &Kind, count: u64) -> Row {
    let Kind {
        command,
        old,
        new,
        field,
    } = kind;
    let value = json!({
        "aggregate": aggregate,
        "command": command,
        "old": old,
        "new": new,
        "field": field,
        "count": count,
    });
    let texts = [command, old, new, field].into_iter().cloned();
    let cells = std::iter::once(count.to_string()).chain(texts);
    (value, cells.collect())
}

fn decision(aggregate: &str, one: &Difference) -> Row {
    let new = one.new.as_ref().map(DecisionResult::json);
    let old = one.old.json();
    let cells = vec![
        one.command.clone(),
        one.key.clone(),
        one.place.clone(),
        render::instant(one.time),
        one.operation.to_string(),
        one.field.clone(),
        shown(Some(&one.old), &one.field),
        shown(one.new.as_ref(), &one.field),
    ];
    let value = json!({
        "aggregate": aggregate,
        "command": {"type": one.command, "place": one.place, "data": one.data},
        "kind": one.kind.as_str(),
        "key": one.key,
        "version": one.version,
        "time": render::instant(one.time),
        "operation": one.operation.to_string(),
        "actor": one.actor,
        "field": one.field,
        "old": old,
        "new": new,
    });
    (value, cells)
}

/// Returns the field of a result that differs, for people. A state is shown with its reason.
fn shown(result: Option<&DecisionResult>, path: &str) -> String {
    let Some(result) = result else {
        return "-".to_owned();
    };
    if path == "state" || path == "code" {
        let reason = result.end.reason.as_deref().map(Value::from);
        let reason = reason.map(|reason| format!(" ({})", cell(&reason)));
        return result.kind() + &reason.unwrap_or_default();
    }
    let pointer = path.replace('[', ".").replace(']', "").replace('.', "/");
    let value = result.json().pointer(&format!("/{pointer}")).map(cell);
    value.unwrap_or_else(|| "-".to_owned())
}

fn uncompared(aggregate: &str, tally: &Tally) -> Vec<Row> {
    let rows = tally.skipped.iter().map(|(reason, uncompared)| {
        let example = &uncompared.example;
        let value = json!({
            "aggregate": aggregate,
            "not_compared": uncompared.count,
            "reason": reason.name(),
            "is_failure": reason.is_failure(),
            "place": example.place,
            "detail": example.detail,
        });
        let cells = vec![
            uncompared.count.to_string(),
            aggregate.to_owned(),
            reason.name().to_owned(),
            example.place.clone(),
            cell(&example.detail.clone().into()),
        ];
        (value, cells)
    });
    rows.collect()
}
