//! `factline topics`.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use factline::Contract;
use factline_kafka::KafkaConfig;
use factline_kafka::topics::diff::{self, Action, Line};
use serde_json::json;

use crate::aggregates::Aggregates;
use crate::output::{Output, Row};
use crate::progress::during;

/// Compares the topics with the required topics, and creates or configures them
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is ever deleted, and no partition count is changed.\n\nExamples:\n  factline topics plan\n  \
                        factline topics plan --type ordering.order --format json\n  \
                        factline topics apply --replication-factor 3"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the required settings beside the existing ones
    #[command(after_help = "Example:\n  factline topics plan --type ordering.order")]
    Plan {
        #[command(flatten)]
        scope: Scope,
    },
    /// Create the topics that are missing, set configuration that differs, and commit first offsets
    #[command(after_help = "Example:\n  factline topics apply --replication-factor 3")]
    Apply {
        #[command(flatten)]
        scope: Scope,
        /// Replication factor of new topics; without it, the cluster's default
        #[arg(long, env = "FACTLINE_REPLICATION_FACTOR")]
        replication_factor: Option<i32>,
    },
}

#[derive(Debug, Args)]
struct Scope {
    /// Only topics of one aggregate type
    #[arg(long = "type", value_name = "X")]
    aggregate: Option<String>,
}

const HEADING: [&str; 5] = ["topic", "setting", "wanted", "actual", "action"];

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    match options.what {
        What::Plan { scope } => {
            let mut rows = Vec::new();
            for contract in scope.contracts(aggregates)? {
                rows.extend(plan(kafka, contract).await?.iter().map(row));
            }
            output.table(&HEADING, &rows)
        }
        What::Apply {
            scope,
            replication_factor,
        } => {
            for contract in scope.contracts(aggregates)? {
                apply(kafka, contract, replication_factor, output).await?;
            }
            Ok(())
        }
    }
}

impl Scope {
    fn contracts(&self, aggregates: &Aggregates) -> Result<Vec<&'static Contract>> {
        let chosen = aggregates.chosen(self.aggregate.as_deref())?;
        Ok(chosen.iter().map(|hosted| hosted.contract).collect())
    }
}

async fn plan(kafka: &KafkaConfig, contract: &Contract) -> Result<Vec<Line>> {
    during("comparing", diff::plan(kafka, contract))
        .await
        .with_context(|| format!("cannot compare the topics of {}", contract.aggregate))
}

/// Changes what differs and shows it. If one difference cannot be changed, it changes nothing.
async fn apply(
    kafka: &KafkaConfig,
    contract: &Contract,
    replication: Option<i32>,
    output: &Output,
) -> Result<()> {
    let aggregate = contract.aggregate;
    let lines = plan(kafka, contract).await?;
    if let Some(line) = lines
        .iter()
        .find(|line| line.action() == Action::Impossible)
    {
        let actual = line.actual.as_deref().unwrap_or_default();
        bail!(
            "topic {} has {actual} partitions and should have {}: no tool can change that, because keys would move to other partitions",
            line.topic,
            line.wanted
        );
    }
    during("changing", diff::apply(kafka, contract, replication))
        .await
        .with_context(|| format!("cannot apply the plan of {aggregate}"))?;
    let changed = lines.iter().filter(|line| line.action() != Action::Keep);
    let rows: Vec<Row> = changed.map(row).collect();
    if rows.is_empty() {
        eprintln!("{aggregate}: nothing to change");
        return Ok(());
    }
    output.table(&HEADING, &rows)
}

fn row(line: &Line) -> Row {
    let action = match line.action() {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Set => "set",
        Action::Impossible => "impossible",
    };
    let value = json!({
        "topic": line.topic, "setting": line.setting, "wanted": line.wanted, "actual": line.actual, "action": action,
    });
    let actual = line.actual.as_deref().unwrap_or("-");
    let cells = [&line.topic, &line.setting, &line.wanted, actual, action];
    (value, cells.map(ToOwned::to_owned).to_vec())
}
