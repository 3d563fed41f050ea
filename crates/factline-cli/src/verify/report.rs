//! The report of a run.

use anyhow::Result;
use chrono::DateTime;
use factline::Contract;
use serde_json::json;

use super::finding::{Finding, Findings};
use super::unit::Unit;
use super::views::ViewReport;
use crate::output::{Output, Row};
use crate::render::instant;

/// The result for an aggregate type.
#[derive(Debug)]
pub(super) struct AggregateReport {
    aggregate: &'static str,
    aggregates: usize,
    /// Numbers of records that this run has read: commands, outcomes and events.
    read: [u64; 3],
    /// Time of the oldest outcome of the partition that goes back least, in milliseconds.
    outcomes_since: Option<i64>,
    found: Findings,
}

const HEADING: [&str; 7] = [
    "aggregate",
    "aggregates",
    "commands",
    "outcomes",
    "events",
    "outcomes since",
    "findings",
];

impl AggregateReport {
    pub(super) fn new(contract: &'static Contract, units: Vec<Unit>, found: Findings) -> Self {
        let mut report = Self {
            aggregate: contract.aggregate,
            aggregates: 0,
            read: [0; 3],
            outcomes_since: None,
            found,
        };
        for unit in units {
            report.aggregates += unit.ledger.aggregates();
            report.outcomes_since = report.outcomes_since.max(unit.ledger.outcomes_since);
            for (sum, read) in report.read.iter_mut().zip(unit.read) {
                *sum += read;
            }
            report.found.extend(unit.ledger.findings);
        }
        report
    }

    pub(super) fn findings(&self) -> u64 {
        self.found.total()
    }

    fn row(&self) -> Row {
        let since = self
            .outcomes_since
            .and_then(DateTime::from_timestamp_millis);
        let since = since.map(instant);
        let [commands, outcomes, events] = self.read;
        let counts: serde_json::Map<String, serde_json::Value> = self
            .found
            .counts
            .iter()
            .map(|(kind, count)| (kind.name(), json!(count)))
            .collect();
        let value = json!({
            "aggregate": self.aggregate, "aggregates": self.aggregates, "commands": commands,
            "outcomes": outcomes, "events": events, "outcomes_since": since,
            "findings": self.findings(), "kinds": counts,
        });
        let cells = vec![
            self.aggregate.to_owned(),
            self.aggregates.to_string(),
            commands.to_string(),
            outcomes.to_string(),
            events.to_string(),
            since.unwrap_or_else(|| "-".to_owned()),
            self.findings().to_string(),
        ];
        (value, cells)
    }
}

/// Prints the findings, then a line for each aggregate type, and one for each view.
pub(super) fn print(
    reports: &[AggregateReport],
    views: &[ViewReport],
    output: Output,
) -> Result<()> {
    let found = reports.iter().flat_map(|report| &report.found.kept);
    let found = found.chain(views.iter().flat_map(|report| &report.found.kept));
    let rows: Vec<Row> = found.map(Finding::row).collect();
    if !rows.is_empty() {
        output.table(&Finding::HEADING, &rows)?;
        if !output.is_for_programs() {
            println!();
        }
    }
    let rows: Vec<Row> = reports.iter().map(AggregateReport::row).collect();
    output.table(&HEADING, &rows)?;
    if views.is_empty() {
        return Ok(());
    }
    if !output.is_for_programs() {
        println!();
    }
    let rows: Vec<Row> = views.iter().map(ViewReport::row).collect();
    output.table(&ViewReport::HEADING, &rows)
}
