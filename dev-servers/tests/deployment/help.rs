//! The options of a binary, parsed from its `--help`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opt {
    /// `--kafka-brokers`.
    pub(crate) flag: String,
    /// `FACTLINE_KAFKA_BROKERS`.
    pub(crate) variable: String,
    /// None if it must be given or may be missing.
    pub(crate) default: Option<String>,
    /// Its first paragraph, and its possible values.
    pub(crate) meaning: String,
    /// True if the binary requires it.
    pub(crate) required: bool,
}

/// Returns the options of a binary, or of one of its subcommands.
pub(crate) fn options(binary: &str, job: Option<&str>) -> Vec<Opt> {
    let mut all = parse(&help(binary, None));
    for own in job
        .into_iter()
        .flat_map(|job| parse(&help(binary, Some(job))))
    {
        if all.iter().all(|known| known.variable != own.variable) {
            all.push(own);
        }
    }
    assert!(!all.is_empty(), "{binary} --help lists no options");
    all
}

/// Returns the variables that a binary accepts.
pub(crate) fn variables(binary: &str, job: Option<&str>) -> BTreeSet<String> {
    let options = options(binary, job).into_iter();
    options.map(|option| option.variable).collect()
}

fn help(binary: &str, job: Option<&str>) -> String {
    let mut command = Command::new(program(binary));
    // Variables that are set would appear in the text.
    let set =
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FACTLINE"));
    for (name, _) in set {
        command.env_remove(name);
    }
    let output = command.args(job).arg("--help").output();
    let output = output.unwrap_or_else(|error| {
        panic!("cannot run {binary}: {error}; `cargo build --workspace` builds it, as `./dev test` does")
    });
    assert!(output.status.success(), "{binary} {job:?} --help failed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the path of a binary: beside the folder of the running test.
fn program(binary: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("a test lies in target/debug/deps");
    folder.join(binary)
}

/// Parses the options that have a variable: a line with the flag, then deeper ones with its meaning
/// and the rest in brackets.
fn parse(help: &str) -> Vec<Opt> {
    let usage = help
        .lines()
        .find(|line| line.starts_with("Usage:"))
        .unwrap_or_default();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let options = help.lines().skip_while(|line| *line != "Options:").skip(1);
    // Further options may be under a heading of their own.
    let is_heading = |line: &str| line.ends_with(':') && !line.starts_with("Example");
    let is_option = |line: &str| line.is_empty() || line.starts_with(' ') || is_heading(line);
    for line in options.take_while(|line| is_option(line)) {
        let line = line.trim();
        if line.starts_with("--") || line.starts_with("-h") || line.starts_with("-V") {
            found.push((line.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = found.last_mut() {
            lines.push(line.to_owned());
        }
    }
    let read = |(line, lines): (String, Vec<String>)| {
        // Short help has everything on the flag's own line.
        let text = format!("{line}\n{}", lines.join("\n"));
        let variable = bracket(&text, "env: ")?;
        let flag = line
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
        let meaning = lines.iter().take_while(|line| !line.is_empty());
        let meaning: Vec<&str> = meaning
            .map(String::as_str)
            .filter(|line| !line.starts_with('['))
            .collect();
        let meaning = meaning.join(" ");
        let mut meaning = meaning
            .split(" [env: ")
            .next()
            .unwrap_or_default()
            .to_owned();
        let values = lines
            .iter()
            .filter_map(|line| Some(line.strip_prefix("- ")?.split_once(':')?.0));
        let values: Vec<&str> = values.collect();
        if !values.is_empty() {
            meaning = format!("{meaning} ({})", values.join(", "));
        }
        Some(Opt {
            required: usage.contains(&format!(" {flag} ")),
            variable: variable.split('=').next().unwrap_or_default().to_owned(),
            default: bracket(&text, "default: ").map(|value| value.trim_matches('"').to_owned()),
            meaning,
            flag,
        })
    };
    found.into_iter().filter_map(read).collect()
}

fn bracket(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("[{name}"))?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[test]
fn options_are_parsed_from_short_and_long_help() {
    let long = "Usage: x [OPTIONS] --url <URL>\n\nOptions:\n      --look <LOOK>\n          How it looks\n          \n          \
                Possible values:\n          - text: For people\n          - json: For machines\n          \n          \
                [env: FACTLINE_LOOK=]\n          [default: text]\n\n      --url <URL>\n          Where\n          \n          \
                [env: FACTLINE_URL]\n\n  -h, --help\n          Print help\n\nKafka:\n      --brokers <B>\n          Who\n          \n          \
                [env: FACTLINE_BROKERS=]\n\nExample:\n  --like <THIS> [env: NO]\n";
    let read = parse(long);
    assert_eq!(read.len(), 3);
    assert_eq!(read[2].variable, "FACTLINE_BROKERS");
    assert_eq!(read[0].meaning, "How it looks (text, json)");
    assert_eq!(read[0].default.as_deref(), Some("text"));
    assert!(!read[0].required && read[1].required);
    assert_eq!(
        (read[1].variable.as_str(), &read[1].default),
        ("FACTLINE_URL", &None)
    );
    let short = "Options:\n      --size <SIZE>  How large [env: FACTLINE_SIZE=] [default: 3]\n";
    assert_eq!(parse(short)[0].variable, "FACTLINE_SIZE");
}
