//! Checks that the list of metrics in the documentation is complete and has no others.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{files, literals, sources};

#[test]
fn metrics_list_matches_the_code() {
    let sources = sources();
    let code: BTreeSet<&str> = sources
        .values()
        .flat_map(|text| {
            ["counter!(", "gauge!(", "histogram!("]
                .into_iter()
                .flat_map(move |call| literals(text, call))
        })
        .filter_map(|literals| literals.first().copied())
        .filter(|name| name.starts_with("factline_"))
        .collect();
    let documents = files("md");
    let document = &documents[Path::new("docs/operations.md")];
    let list = document.split_once("## Metrics\n").unwrap().1;
    let list = list.split_once("\n## ").unwrap().0;
    let rows: Vec<&str> = list
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0))
        .collect();
    let listed: BTreeSet<&str> = rows.into_iter().collect();
    assert_eq!(
        listed, code,
        "the metrics in docs/operations.md (left) and in the code (right)"
    );
}

#[test]
fn log_events_are_documented() {
    let path = Path::new("crates/factline-handler/src/log_events.rs");
    let code = &files("rs")[path];
    let values = code.lines().filter_map(|line| {
        let value = line.split_once(": &str = \"")?.1;
        value.strip_suffix("\";")
    });
    let values: Vec<&str> = values.collect();
    assert!(values.len() >= 3, "{values:?}");
    let documents = files("md");
    let document = &documents[Path::new("docs/operations.md")];
    for value in values {
        assert!(document.contains(&format!("`{value}`")), "{value}");
    }
}
