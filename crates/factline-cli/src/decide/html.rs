//! The report as one HTML file, in the form of that of a view.

use std::fmt::Write as _;

use factline_handler::dry_run::{DecisionResult, Difference};
use serde_json::{Map, Value};

use super::tally::{Kind, Tally};
use crate::output::cell;
use crate::page::{document, escaped, fields, numbers};
use crate::render;

/// Returns the page.
pub(super) fn page(tallies: &[(&str, Tally)]) -> String {
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(|(_, tally)| count(tally)).sum();
    let (same, differ, failed): (u64, u64, u64) =
        (sum(Tally::same), sum(Tally::differ), sum(Tally::failed));
    let verdict = match (same, differ, failed) {
        (_, 1.., _) => "<p class=\"differs\">These rules would decide otherwise.</p>",
        (1.., _, 0) => "<p class=\"same\">These rules decide the same.</p>",
        _ => "<p class=\"differs\">It is not known whether these rules decide the same.</p>",
    };
    let title = "Dry run of rules";
    let mut body = format!("<h1>{title}</h1>{verdict}");
    for (aggregate, tally) in tallies {
        let _ = write!(body, "<h2><code>{}</code></h2>", escaped(aggregate));
        body.push_str(&numbers(&[
            ("same", tally.same()),
            ("changed", tally.differ()),
            ("not compared", tally.uncompared()),
        ]));
        body.push_str(&uncompared(tally));
        for (kind, group) in tally.kinds() {
            body.push_str(&section(kind, group.count, &group.first));
        }
    }
    document(title, &body)
}

fn uncompared(tally: &Tally) -> String {
    if tally.skipped.is_empty() {
        return String::new();
    }
    let rows = tally.skipped.iter().map(|(reason, uncompared)| {
        let example = &uncompared.example;
        let class = if reason.is_failure() {
            " class=\"differs\""
        } else {
            ""
        };
        format!(
            "<tr{class}><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
            uncompared.count,
            reason.name(),
            escaped(&example.place),
            escaped(example.detail.as_deref().unwrap_or_default())
        )
    });
    format!(
        "<table><tr><th>not compared</th><th>reason</th><th>for example</th><th>detail</th></tr>{}</table>",
        rows.collect::<String>()
    )
}

/// Returns a kind of difference, with its first decisions.
fn section(kind: &Kind, count: u64, first: &[Difference]) -> String {
    let [command, old, new, field] =
        [&kind.command, &kind.old, &kind.new, &kind.field].map(|text| escaped(text));
    let decisions = first.iter().map(decision);
    format!(
        "<h3><span class=\"tag changed\">{count}</span> <code>{command}</code></h3>\
         <p><b>{old}</b> → <b>{new}</b>, first in <code>{field}</code></p>{}",
        decisions.collect::<String>()
    )
}

fn decision(one: &Difference) -> String {
    let mut text = format!(
        "<details><summary><code>{}</code> at <code>{}</code>, {}</summary>\
         <p>Operation <code>{}</code>, by {}, version {} before</p>",
        escaped(&one.key),
        escaped(&one.place),
        render::instant(one.time),
        one.operation,
        escaped(&one.actor),
        one.version
    );
    if let Some(data) = &one.data {
        let _ = write!(
            text,
            "<h3>Command</h3><p><code>{}</code></p>",
            escaped(&cell(data))
        );
    }
    let (old, new) = (flat(&one.old), one.new.as_ref().map(flat));
    let table = fields(["field", "recorded", "new"], Some(&old), new.as_ref());
    let _ = write!(text, "{table}</details>");
    text
}

/// Returns a result with a field for each value of each event.
fn flat(result: &DecisionResult) -> Value {
    let mut fields = Map::new();
    if let Value::Object(all) = result.json() {
        for (name, value) in all {
            match value {
                Value::Array(events) if name == "events" => {
                    for (index, event) in events.into_iter().enumerate() {
                        let at = format!("events[{index}]");
                        fields.insert(format!("{at}.type"), event["type"].clone());
                        for (name, value) in event["data"].as_object().into_iter().flatten() {
                            fields.insert(format!("{at}.data.{name}"), value.clone());
                        }
                    }
                }
                value => {
                    fields.insert(name, value);
                }
            }
        }
    }
    Value::Object(fields)
}
