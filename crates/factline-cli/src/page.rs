//! Reports for people as one HTML file, without scripts or links to other files.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::output::cell;

const STYLE: &str = include_str!("page.css");

/// Checks that a report can be written, before the work that leads to it. Creates the file.
pub(crate) fn check(file: &Path) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.with_context(|| format!("--html: cannot write {}", file.display()))?;
    Ok(())
}

/// Returns a page.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escaped(title)
    )
}

/// Returns counts as a bar and a list. The names are classes of the style.
pub(crate) fn numbers(counts: &[(&str, u64)]) -> String {
    let mut bar = String::new();
    let mut list = String::new();
    for (name, count) in counts {
        if *count > 0 {
            let _ = write!(
                bar,
                "<span class=\"{name}\" style=\"flex-grow:{count}\"></span>"
            );
        }
        let _ = write!(list, "<li><b class=\"{name}\">{count}</b> {name}</li>");
    }
    format!("<div class=\"bar\">{bar}</div><ul class=\"numbers\">{list}</ul>")
}

/// Returns the fields of two values side by side, with those that differ first. `heading` names the
/// columns.
pub(crate) fn fields(heading: [&str; 3], old: Option<&Value>, new: Option<&Value>) -> String {
    let of = |row: Option<&Value>, name: &str| {
        let value = row.and_then(|row| row.get(name));
        value.map_or_else(String::new, cell)
    };
    let mut names: Vec<&String> = Vec::new();
    for row in [old, new].into_iter().flatten() {
        for name in row.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.sort_by_key(|name| of(old, name) == of(new, name));
    let rows = names.into_iter().map(|name| {
        let (old, new) = (of(old, name), of(new, name));
        let class = if old == new { "" } else { " class=\"differs\"" };
        format!(
            "<tr{class}><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(&old),
            escaped(&new)
        )
    });
    let [name, left, right] = heading.map(escaped);
    format!(
        "<table><tr><th>{name}</th><th>{left}</th><th>{right}</th></tr>{}</table>",
        rows.collect::<String>()
    )
}

/// Escapes text, so that it cannot become markup.
pub(crate) fn escaped(text: &str) -> String {
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
        let shown = fields(["column", "old", "new"], None, Some(&row));
        assert!(!shown.contains("<script>"), "{shown}");
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
    }
}
