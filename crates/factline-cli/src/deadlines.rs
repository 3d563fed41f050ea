//! `factline deadlines`.

use std::num::NonZero;

use anyhow::{Context as _, Result};
use chrono::Utc;
use clap::Args;
use factline_handler::deadlines::SetDeadline;
use factline_kafka::KafkaConfig;
use serde_json::json;

use crate::aggregates::Aggregates;
use crate::output::{Output, Row};
use crate::progress::during;
use crate::render;

/// Lists the deadlines that are set and not decided yet, the next one first
///
/// A deadline that is overdue waits for its handler: none runs, its partition is halted, or
/// commands that were sent before it are handled first.
#[derive(Debug, Args)]
#[command(
    after_help = "The aggregates are recovered as a handler recovers them: from snapshots, and from the events after \
                  these.\n\nExamples:\n  \
                  factline deadlines\n  \
                  factline deadlines checkout.checkout --limit 10\n  \
                  factline --format json deadlines checkout.checkout | jq .due"
)]
pub(crate) struct Options {
    /// Aggregate type, such as checkout.checkout; without it, all types
    aggregate: Option<String>,
    /// Number of deadlines to show
    #[arg(long, value_name = "N", default_value = "50")]
    limit: NonZero<u32>,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let limit = usize::try_from(options.limit.get()).unwrap_or(usize::MAX);
    let mut deadlines: Vec<(SetDeadline, &str)> = Vec::new();
    let mut total = 0;
    for hosted in aggregates.chosen(options.aggregate.as_deref())? {
        let aggregate = hosted.contract.aggregate;
        let listed = during("reading", hosted.deadlines(kafka.clone(), limit)).await;
        let listed = listed.with_context(|| format!("cannot list the deadlines of {aggregate}"))?;
        total += listed.total;
        deadlines.extend(listed.first.into_iter().map(|one| (one, aggregate)));
    }
    deadlines.sort();
    deadlines.truncate(limit);
    let rows: Vec<Row> = deadlines.iter().map(row).collect();
    let heading = [
        "due",
        "state",
        "aggregate",
        "id",
        "command",
        "operation",
        "set at",
    ];
    output.table(&heading, &rows)?;
    if total > rows.len() && !output.is_for_programs() {
        eprintln!(
            "{} of {total} deadlines are shown; --limit shows more",
            rows.len()
        );
    }
    Ok(())
}

fn row((deadline, aggregate): &(SetDeadline, &str)) -> Row {
    let state = if deadline.due < Utc::now() {
        "overdue"
    } else {
        "set"
    };
    let [due, set_at] = [deadline.due, deadline.set_at].map(render::instant);
    let value = json!({
        "due": due,
        "overdue": state == "overdue",
        "aggregate": aggregate,
        "id": deadline.subject,
        "command": deadline.command,
        "operation": deadline.operation,
        "set_at": set_at,
        "set_by_version": deadline.set_by_version,
        "partition": deadline.partition,
    });
    let cells = [
        due.as_str(),
        state,
        aggregate,
        &deadline.subject,
        deadline.command,
        &deadline.operation.to_string(),
        &set_at,
    ];
    (value, cells.map(str::to_owned).to_vec())
}
