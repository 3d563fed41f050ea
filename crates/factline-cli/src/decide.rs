//! `factline decide --dry-run`: recorded commands, decided again by the rules of this program.

mod exported;
mod html;
mod partition;
mod reading;
mod report;
mod run;
mod tally;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use factline::Timestamp;
use factline_kafka::KafkaConfig;

use self::exported::Exported;
use self::run::{Asked, Run};
use self::tally::Tally;
use crate::aggregates::Aggregates;
use crate::arguments::{cores, instant};
use crate::output::Output;
use crate::page;
use crate::progress::beside;

/// Decides recorded commands again by the rules of this program, and shows the decisions that would
/// differ
///
/// Each command, and each deadline, is decided on the state that the recorded decision was based
/// on, at its time and for its actor. The events, the state of the operation, code and reason are
/// compared. Nothing is written.
#[derive(Debug, Args)]
#[command(
    after_help = "The code is 0 only if all decisions that were compared are equal, 1 if some differ, and 2 if it is not \
                  known: a server does not answer, no decision was compared, or one could not be although its records \
                  are there. Handlers and clients may go on meanwhile.\n\n\
                  Commands are compared as far back as their records are kept, or as an export has them, and deadlines \
                  as far back as outcomes are. What was not compared is counted by the reason.\n\n\
                  Memory: the states of those aggregates that have such a command or deadline, for one partition for \
                  each worker.\n\nExamples:\n  \
                  factline decide --dry-run\n  \
                  factline decide --dry-run --type ordering.order --since 1d --html report.html\n  \
                  factline export ordering.order.commands --to commands.jsonl\n  \
                  factline decide --dry-run --type ordering.order --from commands.jsonl --format json"
)]
pub(crate) struct Options {
    /// Change nothing, and show what would differ: the only way to decide recorded commands
    #[arg(long, required = true)]
    dry_run: bool,
    /// Aggregate type, such as ordering.order; without it, all types
    #[arg(long = "type", value_name = "X")]
    aggregate: Option<String>,
    /// Only decisions about one aggregate
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Only decisions since this time: an instant, a day, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "T", value_parser = instant)]
    since: Option<Timestamp>,
    /// Only decisions until this time
    #[arg(long, value_name = "T", value_parser = instant)]
    until: Option<Timestamp>,
    /// Take the commands from a file in JSON lines, which `factline export X.commands` has written,
    /// and not from their topic. Commands whose outcomes are deleted are compared with their events
    #[arg(long, value_name = "FILE", requires = "aggregate")]
    from: Option<PathBuf>,
    /// Number of decisions to show for each kind of difference
    #[arg(long, value_name = "N", default_value_t = 3)]
    rows: usize,
    /// Write a report for people, as one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Number of partitions that are read at the same time; without it, the number of cores
    #[arg(long, value_name = "N")]
    workers: Option<NonZero<u16>>,
}

/// The result of a run that found differences, which are printed.
#[derive(Debug, thiserror::Error)]
#[error("decisions differ")]
pub(crate) struct Differs;

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let chosen = aggregates.chosen(options.aggregate.as_deref())?;
    ensure!(!chosen.is_empty(), crate::aggregates::NO_AGGREGATES);
    let workers = options.workers.map_or_else(cores, |n| n.get().into());
    let asked = Asked {
        key: options.key,
        since: options.since,
        until: options.until,
    };
    if let Some(file) = &options.html {
        page::check(file)?;
    }
    reading::silence_panics();
    let mut tallies = Vec::new();
    for hosted in chosen {
        let run = Run::new(kafka, hosted, asked.clone(), options.rows, workers);
        let tally = compare(run, options.from.clone()).await;
        let aggregate = hosted.contract.aggregate;
        let tally = tally.with_context(|| format!("cannot compare {aggregate}"))?;
        tallies.push((aggregate, tally));
    }
    if let Some(file) = &options.html {
        let page = html::page(&tallies);
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    report::print(&tallies, *output)?;
    verdict(&tallies)
}

/// Returns an error unless it is known that everything is equal.
fn verdict(tallies: &[(&str, Tally)]) -> Result<()> {
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(|(_, tally)| count(tally)).sum::<u64>();
    if sum(Tally::differ) > 0 {
        return Err(Differs.into());
    }
    let failed = sum(Tally::failed);
    ensure!(
        failed == 0,
        "{failed} decisions could not be compared, although their records are there"
    );
    ensure!(sum(Tally::same) > 0, "no decision was compared");
    Ok(())
}

/// Compares an aggregate type, and shows the progress meanwhile.
async fn compare(run: Run, from: Option<PathBuf>) -> Result<Tally> {
    let run = Arc::new(run);
    let comparing = {
        let run = Arc::clone(&run);
        tokio::task::spawn_blocking(move || {
            let exported = match &from {
                Some(path) => Some(Exported::open(path, &run)?),
                None => None,
            };
            run.compare(exported.as_ref())
        })
    };
    let what = format!("deciding {}", run.hosted.contract.aggregate);
    let numbers = || {
        let [done, total] = [&run.done, &run.total].map(|count| count.load(Ordering::Relaxed));
        (done, total)
    };
    let ended = beside(&what, comparing, numbers).await;
    ended.context("the thread that compares has panicked")?
}
