//! `factline verify`.

mod finding;
mod headers;
mod ledger;
mod reading;
mod report;
mod state_file;
mod tracker;
mod unit;
mod values;
mod views;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use factline::Contract;
use factline_kafka::{KafkaConfig, Registry};
use tokio::runtime::Handle;

use self::finding::Findings;
use self::reading::Run;
use self::report::{AggregateReport, print};
use self::state_file::StateFile;
use self::tracker::Tracker;
use self::unit::{Unit, of_aggregate};
use self::values::Values;
use self::views::Database;
use crate::aggregates::Aggregates;
use crate::arguments::cores;
use crate::output::Output;
use crate::progress::beside;
use crate::servers::Server;
use crate::views::Views;

/// Checks what the topics hold, the tracker and the views: numbers without gaps, one end for each
/// command, each row equal to its fold
#[derive(Debug, Args)]
#[command(
    after_help = "The code is 0 only if everything holds, 1 if there are findings, and 2 if it is not known, for \
                  example because a server does not answer. Handlers and clients may go on meanwhile.\n\n\
                  Outcomes are kept for 14 days, and handled commands are trimmed sooner. What was deleted is not \
                  checked: the report says from which time on outcomes are there.\n\n\
                  Memory: about 60 bytes for each aggregate, 70 for each outcome and 20 for each command that the \
                  topics keep, for the partitions of one aggregate type at a time. A state file holds the same \
                  numbers as text, and its text is in memory too.\n\nExamples:\n  \
                  factline verify\n  \
                  factline verify --type ordering.order --decode\n  \
                  factline verify --state /var/lib/factline/verified.jsonl\n  \
                  factline verify --database-url postgres://factline_tracker@127.0.0.1:15432/factline --format json"
)]
pub(crate) struct Options {
    /// Aggregate type, such as ordering.order; without it, all types are verified
    #[arg(long = "type", value_name = "X")]
    aggregate: Option<String>,
    /// File with the progress of earlier runs: only what is new is read, and the file is renewed.
    /// Findings of earlier runs stay findings
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Seconds between two writes of the state file while events are read
    #[arg(long, value_name = "N", default_value_t = 10, requires = "state")]
    state_seconds: u64,
    /// Decode the values of events and outcomes as well, which takes several times as long
    #[arg(long)]
    decode: bool,
    /// PostgreSQL as <postgres://user@host:port/database>, to compare the operations of the
    /// tracker; the role must be able to read them
    #[arg(long, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// PostgreSQL of the views, to compare their rows with a fold of the events by this program.
    /// The role needs to select the stable names and to create a schema, nothing more
    #[arg(long, value_name = "URL", hide_env_values = true)]
    views_url: Option<String>,
    /// Number of threads, each of which reads its share of the partitions; the default is the
    /// number of cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

/// Findings: the run itself has succeeded.
#[derive(Debug, thiserror::Error)]
#[error("{0} findings")]
pub(crate) struct Found(u64);

impl Options {
    pub(crate) fn servers(&self) -> Vec<Server> {
        if self.decode || self.views_url.is_some() {
            vec![Server::Kafka, Server::Registry]
        } else {
            vec![Server::Kafka]
        }
    }
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let chosen = aggregates.chosen(options.aggregate.as_deref())?;
    anyhow::ensure!(!chosen.is_empty(), crate::aggregates::NO_AGGREGATES);
    let run = Arc::new(options.run(kafka)?);
    let mut reports = Vec::new();
    for hosted in chosen {
        // Before the topics are read: their ends are then at least as far.
        let mut tracker = match &options.database_url {
            Some(url) => Some(Tracker::connect(url).await?),
            None => None,
        };
        let units = check(&run, hosted.contract).await;
        let units = of_aggregate(units, hosted.contract)?;
        let mut found = Findings::default();
        if let Some(tracker) = &mut tracker {
            for unit in &units {
                found.extend(tracker.compare(unit).await?);
            }
        }
        reports.push(AggregateReport::new(hosted.contract, units, found));
    }
    let mut compared = Vec::new();
    if let Some(url) = &options.views_url {
        let (workers, of) = (run.workers, options.aggregate.as_deref());
        let database = Database {
            url,
            kafka,
            workers,
        };
        for view in views.newest() {
            if of.is_none_or(|aggregate| aggregate == view.contract.aggregate) {
                compared.push(views::compare(&view, &database).await?);
            }
        }
    }
    print(&reports, &compared, *output)?;
    let rows = compared.iter().map(|report| report.found.total());
    let records = reports.iter().map(AggregateReport::findings);
    match records.chain(rows).sum() {
        0 => Ok(()),
        found => Err(Found(found).into()),
    }
}

impl Options {
    fn run(&self, kafka: &KafkaConfig) -> Result<Run> {
        let state = match &self.state {
            Some(path) => Some(Mutex::new(StateFile::open(path, &kafka.topic_prefix)?)),
            None => None,
        };
        Ok(Run {
            kafka: kafka.clone(),
            workers: self.workers.map_or_else(cores, usize::from),
            values: self.decode.then(|| Values {
                registry: Registry::of(kafka),
                runtime: Handle::current(),
            }),
            state,
            between_writes: Duration::from_secs(self.state_seconds),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        })
    }
}

/// Checks an aggregate type, and shows the progress meanwhile.
async fn check(run: &Arc<Run>, contract: &'static Contract) -> Result<Vec<Unit>> {
    let reading = {
        let run = Arc::clone(run);
        tokio::task::spawn_blocking(move || run.check(contract))
    };
    let what = format!("verifying {}", contract.aggregate);
    let numbers = || {
        let [done, total] = [&run.done, &run.total].map(|count| count.load(Ordering::Relaxed));
        (done, total)
    };
    let ended = beside(&what, reading, numbers).await;
    ended.context("the thread that verifies has panicked")?
}
