//! The first event after which a row differs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use factline_postgres::HostedView;
use factline_postgres::history::Change;
use factline_postgres::rebuild::dry_run::RowDifference;
use serde_json::{Map, Value, json};

use crate::past;

/// Another build of the tool.
pub(in crate::rebuild) struct Program {
    pub(in crate::rebuild) path: PathBuf,
    /// The words with which its arguments begin.
    pub(in crate::rebuild) words: Vec<String>,
    /// Variables with the servers, for its environment.
    pub(in crate::rebuild) environment: Vec<(&'static str, OsString)>,
}

/// The changes of rows by another build of the tool, as its `why` prints them.
pub(super) struct Baseline(Vec<Value>);

/// The first event after which a row differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum First {
    /// The event, with the row after it as both programs have it.
    Event {
        event: Value,
        before: Option<Value>,
        after: Option<Value>,
    },
    /// The row that readers see is none that this program has made at any time, and no other build
    /// was given for comparison.
    Unknown,
}

impl First {
    pub(super) fn event(&self) -> Option<&Value> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Unknown => None,
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Event {
                event,
                before,
                after,
            } => json!({"event": event, "live": before, "new": after}),
            Self::Unknown => Value::Null,
        }
    }
}

impl Program {
    /// Checks that the program can be started.
    pub(in crate::rebuild) async fn check(&self) -> Result<()> {
        let mut command = tokio::process::Command::new(&self.path);
        command.args(&self.words).arg("--version");
        let shown = self.path.display();
        let output = command.stdin(Stdio::null()).output().await;
        let output = output.with_context(|| format!("--baseline: cannot run {shown}"))?;
        ensure!(
            output.status.success(),
            "--baseline: {shown} is no build of this tool: {}",
            output.status
        );
        Ok(())
    }
}

impl Baseline {
    /// Runs `why` of another build for these rows.
    pub(super) async fn of(
        program: &Program,
        view: &HostedView,
        keys: &[Value],
        reached: &BTreeMap<i32, u64>,
    ) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("factline-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).context("cannot create a temporary folder")?;
        let result = Self::run(program, view, keys, reached, &folder).await;
        // What remains does no harm.
        let _ = std::fs::remove_dir_all(&folder);
        result
    }

    async fn run(
        program: &Program,
        view: &HostedView,
        keys: &[Value],
        reached: &BTreeMap<i32, u64>,
        folder: &std::path::Path,
    ) -> Result<Self> {
        let (keys_file, sequences_file) = (folder.join("keys"), folder.join("sequences"));
        let lines: Vec<String> = keys.iter().map(ToString::to_string).collect();
        std::fs::write(&keys_file, lines.join("\n")).context("cannot write the keys")?;
        let sequences = serde_json::to_vec(reached)?;
        std::fs::write(&sequences_file, sequences).context("cannot write the sequences")?;
        let shown = program.path.display();
        let mut command = tokio::process::Command::new(&program.path);
        command
            .args(&program.words)
            .args(["--format", "json", "why", view.name, "--keys"])
            .arg(&keys_file)
            .arg("--sequences")
            .arg(&sequences_file)
            .envs(
                program
                    .environment
                    .iter()
                    .map(|(name, value)| (*name, value)),
            )
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let output = command.output().await;
        let output = output.with_context(|| format!("cannot run the baseline {shown}"))?;
        ensure!(
            output.status.success(),
            "the baseline {shown} failed: {}",
            output.status
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let changes = text.lines().map(serde_json::from_str);
        let changes: Result<_, _> = changes.collect();
        Ok(Self(changes.with_context(|| {
            format!("the baseline {shown} printed no JSON")
        })?))
    }
}

/// Finds the first event after which a row differs.
///
/// With a baseline, both programs' rows are compared after each event. Without one, only the row
/// that readers see is known: if this program had it after some event, the next event is the first
/// one that readers miss.
pub(super) fn find(
    view: &HostedView,
    row: &RowDifference,
    key: &Value,
    changes: &[Change],
    baseline: Option<&Baseline>,
) -> First {
    let new: Vec<Value> = changes
        .iter()
        .filter(|change| change.key == *key && is_of_partition(row, change.partition))
        .map(|change| past::row(change).0)
        .collect();
    match baseline {
        Some(Baseline(old)) => {
            let old = old.iter().filter(|change| {
                let partition = change["partition"].as_i64();
                let partition = partition.and_then(|number| i32::try_from(number).ok());
                change["key"] == *key
                    && partition.is_some_and(|partition| is_of_partition(row, partition))
            });
            compare(view.has_sums(), &new, &old.cloned().collect::<Vec<_>>())
        }
        None if view.has_sums() => First::Unknown,
        None => missed(row, &new),
    }
}

/// Returns whether the row has events of this partition.
fn is_of_partition(row: &RowDifference, partition: i32) -> bool {
    let own = row.key.get("source_partition").and_then(Value::as_i64);
    own.is_none_or(|own| own == i64::from(partition))
}

/// Compares two lists of changes of one row.
fn compare(sums: bool, new: &[Value], old: &[Value]) -> First {
    let mut steps = BTreeMap::<_, (Option<&Value>, Option<&Value>)>::new();
    for change in new {
        steps.entry(order(change)).or_default().0 = Some(change);
    }
    for change in old {
        steps.entry(order(change)).or_default().1 = Some(change);
    }
    let (mut last_new, mut last_old) = (None, None);
    for (new, old) in steps.values() {
        if sums {
            (last_new, last_old) = (None, None);
        }
        if let Some(change) = new {
            last_new = row(change);
        }
        if let Some(change) = old {
            last_old = row(change);
        }
        if let (Some(event), false) = (new.or(*old), are_same(last_new, last_old)) {
            return First::Event {
                event: event_of(event),
                before: last_old.cloned(),
                after: last_new.cloned(),
            };
        }
    }
    First::Unknown
}

/// Finds the last event that the row which readers see contains, and returns the next one.
fn missed(difference: &RowDifference, new: &[Value]) -> First {
    let live = difference.live.as_ref();
    let mut first = live.is_none().then_some(0);
    for (index, change) in new.iter().enumerate() {
        if are_same(row(change), live) {
            first = Some(index + 1);
        }
    }
    match first.and_then(|index| new.get(index)) {
        Some(change) => First::Event {
            event: event_of(change),
            before: live.cloned(),
            after: row(change).cloned(),
        },
        None => First::Unknown,
    }
}

/// Returns the row after a change.
fn row(change: &Value) -> Option<&Value> {
    change.get("after").filter(|row| !row.is_null())
}

/// Compares rows by the columns that both have.
fn are_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let mut both = one.iter().filter(|(name, _)| other.contains_key(*name));
            both.all(|(name, value)| other.get(name) == Some(value))
        }
        _ => false,
    }
}

fn order(change: &Value) -> (String, i64, i64) {
    let number = |name: &str| change[name].as_i64().unwrap_or_default();
    let time = change["time"].as_str().unwrap_or_default().to_owned();
    (time, number("partition"), number("offset"))
}

/// Returns the event of a change without its rows.
fn event_of(change: &Value) -> Value {
    let fields = change.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| !["key", "before", "after"].contains(&name.as_str()));
    let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
    Value::Object(fields.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(offset: i64, after: Value) -> Value {
        let mut change = json!({
            "key": {"id": 1}, "time": "2026-01-01T00:00:00.000Z", "partition": 0,
            "offset": offset, "type": "Sold",
        });
        change["after"] = after;
        change
    }

    fn offset(first: &First) -> Option<i64> {
        first.event()?["offset"].as_i64()
    }

    #[test]
    fn first_difference_is_found_even_if_the_rows_agree_later() {
        let new = [
            change(0, json!({"a": 1})),
            change(1, json!({"a": 3})),
            change(2, json!({"a": 4})),
        ];
        let old = [
            change(0, json!({"a": 1})),
            change(1, json!({"a": 2})),
            change(2, json!({"a": 4})),
        ];
        let first = compare(false, &new, &old);
        assert_eq!(offset(&first), Some(1));
        let First::Event { before, after, .. } = first else {
            panic!("an event");
        };
        assert_eq!(
            (before, after),
            (Some(json!({"a": 2})), Some(json!({"a": 3})))
        );
    }

    #[test]
    fn event_that_one_program_ignores_is_the_first() {
        let new = [change(0, json!({"a": 1})), change(5, Value::Null)];
        let old = [change(0, json!({"a": 1, "b": 0}))];
        assert_eq!(offset(&compare(false, &new, &old)), Some(5));
        assert_eq!(offset(&compare(false, &old, &new)), Some(5));
        assert_eq!(compare(false, &old, &old), First::Unknown);
    }

    #[test]
    fn sums_differ_where_an_event_adds_something_else() {
        let new = [change(0, json!({"a": 1})), change(1, json!({"a": 1}))];
        let old = [change(0, json!({"a": 1})), change(1, json!({"a": 2}))];
        assert_eq!(offset(&compare(true, &new, &old)), Some(1));
        assert_eq!(offset(&compare(true, &new, &old[..1])), Some(1));
    }

    #[test]
    fn without_a_baseline_the_first_missed_event_is_found() {
        let new = [
            change(0, json!({"a": 1})),
            change(1, json!({"a": 2})),
            change(2, json!({"a": 3})),
        ];
        let row = |live: Option<Value>| RowDifference {
            key: json!({"id": 1}),
            live,
            new: Some(json!({"a": 3})),
        };
        assert_eq!(offset(&missed(&row(Some(json!({"a": 1}))), &new)), Some(1));
        assert_eq!(offset(&missed(&row(None), &new)), Some(0));
        assert_eq!(missed(&row(Some(json!({"a": 9}))), &new), First::Unknown);
    }
}
