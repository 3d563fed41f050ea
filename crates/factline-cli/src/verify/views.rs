//! Compares the rows that readers see with a fold of the events, for each view.
//!
//! The fold is that of this program, so it must be built with the code that the projectors run. The
//! rows are folded into a schema of their own, which is dropped afterwards: a dry run of a rebuild.

use anyhow::{Context as _, Result};
use factline_kafka::KafkaConfig;
use factline_postgres::HostedView;
use factline_postgres::rebuild::{self, Differences};
use serde_json::json;

use super::finding::{Finding, Findings, Kind};
use crate::output::Row;
use crate::rebuild::{beside, resources};

/// Maximum number of findings that name a row, for each view. All are counted.
const MOST_ROWS: u32 = 100;

/// The result for a view.
#[derive(Debug)]
pub(super) struct ViewReport {
    view: &'static str,
    version: i32,
    rows: u64,
    pub(super) found: Findings,
}

/// The database of the views.
pub(super) struct Database<'d> {
    pub(super) url: &'d str,
    pub(super) kafka: &'d KafkaConfig,
    pub(super) workers: usize,
}

impl ViewReport {
    pub(super) const HEADING: [&str; 4] = ["view", "version", "rows", "findings"];

    pub(super) fn row(&self) -> Row {
        let findings = self.found.total();
        let value = json!({
            "view": self.view, "version": self.version, "rows": self.rows, "findings": findings,
        });
        let cells = vec![
            self.view.to_owned(),
            self.version.to_string(),
            self.rows.to_string(),
            findings.to_string(),
        ];
        (value, cells)
    }
}

/// Folds the events of a view and compares the rows.
pub(super) async fn compare(view: &HostedView, database: &Database<'_>) -> Result<ViewReport> {
    let url = database.url.parse().context("--views-url is not valid")?;
    let with = resources(database.kafka, url, database.workers);
    let comparing = rebuild::dry_run(view, &with, MOST_ROWS);
    let differences = beside(&with.progress, comparing).await;
    let differences =
        differences.with_context(|| format!("cannot compare {}", view.view_name()))?;
    Ok(ViewReport {
        view: view.name,
        version: view.version,
        rows: differences.same + differences.removed + differences.changed,
        found: findings(view, differences),
    })
}

fn findings(view: &HostedView, differences: Differences) -> Findings {
    let mut found = Findings::default();
    let finding = |kind, place: Option<String>, subject: Option<String>, detail: String| Finding {
        kind,
        aggregate: view.contract.aggregate.to_owned(),
        subject,
        place,
        operation: None,
        command: None,
        detail,
    };
    match differences.shown {
        Some(shown) if shown != differences.version => {
            let detail = format!(
                "{}: readers see version {shown}, and this program has version {}",
                view.name, differences.version
            );
            found.add(finding(Kind::View, None, None, detail));
        }
        Some(_) => {}
        None => {
            let detail = format!("{}: readers see no rows", view.name);
            found.add(finding(Kind::View, None, None, detail));
        }
    }
    let all = differences.added + differences.removed + differences.changed;
    let named = differences.rows.len() as u64;
    for row in differences.rows {
        let how = match (&row.live, &row.new) {
            (None, _) => "is missing",
            (_, None) => "is in no fold",
            _ => "differs from the fold",
        };
        let detail = format!("{}: the row {} {how}", view.name, row.key);
        found.add(finding(Kind::View, None, None, detail));
    }
    if all > named {
        *found.counts.entry(Kind::View).or_default() += all - named;
    }
    for event in differences.unapplied {
        let cause = event
            .cause
            .unwrap_or_else(|| "an earlier event is parked".to_owned());
        let detail = format!("{}: {cause}", view.name);
        found.add(finding(
            Kind::Unapplied,
            Some(event.place),
            Some(event.key),
            detail,
        ));
    }
    found
}
