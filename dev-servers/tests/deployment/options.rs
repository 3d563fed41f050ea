//! The table of options in the documentation, which is generated from the binaries' `--help`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use dev_servers::services::SERVICES;

use crate::help::{self, Opt};
use crate::{project, text};

const DOCUMENT: &str = "docs/operations.md";
const BEGIN: &str = "<!-- options: made from --help -->\n";
const END: &str = "<!-- end of options -->";

/// `FACTLINE_KAFKA_BROKERS` for `--kafka-brokers`.
fn variable_of(flag: &str) -> String {
    let name = flag
        .trim_start_matches('-')
        .to_uppercase()
        .replace('-', "_");
    format!("FACTLINE_{name}")
}

/// Each option once, with the processes that take it.
fn collected() -> BTreeMap<Opt, BTreeSet<String>> {
    let mut found: BTreeMap<Opt, BTreeSet<String>> = BTreeMap::new();
    for service in SERVICES {
        for option in help::options(service.name, None) {
            found
                .entry(option)
                .or_default()
                .insert(service.name.to_owned());
        }
        for job in service.jobs {
            let own = help::variables(service.name, None);
            let options = help::options(service.name, Some(job)).into_iter();
            for option in options.filter(|option| !own.contains(&option.variable)) {
                found
                    .entry(option)
                    .or_default()
                    .insert(format!("{} {job}", service.name));
            }
        }
    }
    found
}

fn table() -> String {
    let mut table =
        String::from("| variable | default | meaning | processes |\n|---|---|---|---|\n");
    for (option, processes) in collected() {
        let default = match (&option.default, option.required) {
            (Some(value), _) if !value.is_empty() => format!("`{value}`"),
            (_, true) => "**must be set**".to_owned(),
            _ => String::new(),
        };
        let processes = if processes.len() == SERVICES.len() {
            "all".to_owned()
        } else {
            Vec::from_iter(processes).join(", ")
        };
        let meaning = option.meaning.replace('|', "\\|").replace(['<', '>'], "`");
        let _ = writeln!(
            table,
            "| `{}` | {default} | {meaning} | {processes} |",
            option.variable
        );
    }
    table
}

#[test]
fn flags_match_their_variables() {
    for option in collected().keys() {
        assert_eq!(option.variable, variable_of(&option.flag));
    }
}

#[test]
fn options_table_matches_the_help() {
    let document = text(DOCUMENT);
    let (before, rest) = document
        .split_once(BEGIN)
        .expect("the document marks where its table begins");
    let (written, after) = rest
        .split_once(END)
        .expect("the document marks where its table ends");
    let table = format!("\n{}\n", table());
    if written == table {
        return;
    }
    if std::env::var_os("FACTLINE_RENEW").is_some() {
        fs::write(
            project(DOCUMENT),
            format!("{before}{BEGIN}{table}{END}{after}"),
        )
        .unwrap();
        return;
    }
    let lines: BTreeSet<&str> = written.lines().collect();
    let fresh: Vec<&str> = table.lines().filter(|line| !lines.contains(line)).collect();
    panic!(
        "the options in {DOCUMENT} are not those of --help; FACTLINE_RENEW=1 cargo test -p dev-servers --test deployment \
         regenerates them; new or changed:\n{}",
        fresh.join("\n")
    );
}

#[test]
fn documented_ports_match_the_table() {
    let document = text(DOCUMENT);
    for service in SERVICES {
        let row = format!("| `{}` | {} |", service.name, service.port);
        assert!(document.contains(&row), "{DOCUMENT} lacks {row}");
    }
}
