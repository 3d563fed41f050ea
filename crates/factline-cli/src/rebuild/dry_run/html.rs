//! The report of a dry run as one HTML file without scripts or links to other files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use factline_postgres::HostedView;
use factline_postgres::rebuild::Differences;

use crate::output::cell;
use crate::page::{document, escaped, fields, numbers};

use super::{Explained, short};

/// Columns of two rows side by side.
const COLUMNS: [&str; 3] = ["column", "readers see", "new"];

/// Returns the page.
pub(super) fn page(view: &HostedView, differences: &Differences, rows: &[Explained]) -> String {
    let mut body = String::new();
    let title = format!("Dry run of {}", view.view_name());
    let verdict = if differences.is_empty() {
        "<p class=\"same\">A rebuild would change nothing.</p>"
    } else {
        "<p class=\"differs\">A rebuild would change what readers see.</p>"
    };
    let _ = write!(body, "<h1>{}</h1>{verdict}", escaped(&title));
    body.push_str(&numbers(&[
        ("same", differences.same),
        ("changed", differences.changed),
        ("added", differences.added),
        ("removed", differences.removed),
    ]));
    body.push_str(&list(
        "Columns that only the new view has",
        &differences.new_columns,
    ));
    body.push_str(&list(
        "Columns that only readers see",
        &differences.lost_columns,
    ));
    let unapplied: Vec<String> = differences
        .unapplied
        .iter()
        .map(|event| {
            let cause = event
                .cause
                .as_deref()
                .unwrap_or("waits behind an earlier event");
            format!("{} of {}: {cause}", event.place, event.key)
        })
        .collect();
    body.push_str(&list("Events that the new view cannot apply", &unapplied));
    body.push_str(&causes(rows));
    for row in rows {
        body.push_str(&section(row));
    }
    document(&title, &body)
}

fn list(title: &str, entries: &[String]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let entries = entries
        .iter()
        .map(|entry| format!("<li><code>{}</code></li>", escaped(entry)));
    format!("<h2>{title}</h2><ul>{}</ul>", entries.collect::<String>())
}

/// Returns how many of the rows first differ after an event of each type.
fn causes(rows: &[Explained]) -> String {
    let mut types: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let name = row.first.event().map_or_else(
            || "no event was found".to_owned(),
            |event| cell(&event["type"]),
        );
        *types.entry(name).or_default() += 1;
    }
    if types.is_empty() {
        return String::new();
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows = types.into_iter().map(|(name, count)| {
        format!(
            "<tr><td><code>{}</code></td><td>{count}</td></tr>",
            escaped(&name)
        )
    });
    format!(
        "<h2>Events after which rows first differ</h2><table><tr><th>event</th><th>rows</th></tr>{}</table>",
        rows.collect::<String>()
    )
}

/// Returns a row that differs: its two values side by side, and the event.
fn section(Explained { row, first }: &Explained) -> String {
    let kind = match (&row.live, &row.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let mut text = format!(
        "<details{}><summary><span class=\"tag {kind}\">{kind}</span> <code>{}</code></summary>",
        if kind == "changed" { " open" } else { "" },
        escaped(&short(&row.key))
    );
    if let Some(event) = first.event() {
        let of = |name: &str| escaped(&cell(&event[name]));
        let _ = write!(
            text,
            "<p>First differs after <b>{}</b> at <code>{}</code>, {}, by {}, operation <code>{}</code></p>",
            of("type"),
            of("place"),
            of("time"),
            of("actor"),
            of("operation"),
        );
        if let super::First::Event { before, after, .. } = first {
            let _ = write!(
                text,
                "<h3>After that event</h3>{}",
                fields(COLUMNS, before.as_ref(), after.as_ref())
            );
        }
    } else {
        text.push_str(
            "<p>No event was found: this program has never made the row that readers see.</p>",
        );
    }
    let _ = write!(
        text,
        "<h3>Now</h3>{}</details>",
        fields(COLUMNS, row.live.as_ref(), row.new.as_ref())
    );
    text
}
