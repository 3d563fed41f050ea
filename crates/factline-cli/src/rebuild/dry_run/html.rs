//! The report of a dry run as one HTML file without scripts or links to other files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use factline_postgres::HostedView;
use factline_postgres::rebuild::Differences;
use serde_json::Value;

use crate::output::cell;

use super::{Explained, short};

const STYLE: &str = include_str!("report.css");

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
    body.push_str(&numbers(differences));
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
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escaped(&title)
    )
}

/// Returns the counts as a bar and a list.
fn numbers(differences: &Differences) -> String {
    let counts = [
        ("same", differences.same),
        ("changed", differences.changed),
        ("added", differences.added),
        ("removed", differences.removed),
    ];
    let mut bar = String::new();
    let mut list = String::new();
    for (name, count) in counts {
        if count > 0 {
            let _ = write!(
                bar,
                "<span class=\"{name}\" style=\"flex-grow:{count}\"></span>"
            );
        }
        let _ = write!(list, "<li><b class=\"{name}\">{count}</b> {name}</li>");
    }
    format!("<div class=\"bar\">{bar}</div><ul class=\"numbers\">{list}</ul>")
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
                fields(before.as_ref(), after.as_ref())
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
        fields(row.live.as_ref(), row.new.as_ref())
    );
    text
}

/// Returns two rows side by side, with the fields that differ first.
fn fields(live: Option<&Value>, new: Option<&Value>) -> String {
    let of = |row: Option<&Value>, name: &str| {
        let value = row.and_then(|row| row.get(name));
        value.map_or_else(String::new, cell)
    };
    let mut names: Vec<&String> = Vec::new();
    for row in [live, new].into_iter().flatten() {
        for name in row.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.sort_by_key(|name| of(live, name) == of(new, name));
    let rows = names.into_iter().map(|name| {
        let (live, new) = (of(live, name), of(new, name));
        let class = if live == new {
            ""
        } else {
            " class=\"differs\""
        };
        format!(
            "<tr{class}><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(&live),
            escaped(&new)
        )
    });
    format!(
        "<table><tr><th>column</th><th>readers see</th><th>new</th></tr>{}</table>",
        rows.collect::<String>()
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_become_markup() {
        let row = serde_json::json!({"name": "<script>alert(1)</script>"});
        let shown = fields(None, Some(&row));
        assert!(!shown.contains("<script>"), "{shown}");
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
    }
}
