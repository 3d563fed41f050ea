//! `factline rebuild` and `factline rollback`.

mod bar;
mod dry_run;

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::rebuild::{self, Progress, Rebuild, Report, Step};
use factline_postgres::{HostedView, PostgresConfig};
use serde_json::json;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::arguments::cores;
use crate::output::Output;
use crate::page;
use crate::views::Views;

pub(crate) use bar::beside;

/// Connections besides one for each worker: those of the lock, the follower and the swap.
const MORE_CONNECTIONS: u32 = 4;

/// Maximum memory of the process, if it is not set.
const MEMORY_MB: NonZero<u32> = NonZero::new(1024).unwrap();

/// Fills a view again from the first event, beside the rows that readers see, and shows the new
/// rows
///
/// The rows that readers see are followed until the new ones take their place, and stay as the old
/// ones until the next rebuild. If a rebuild is interrupted, the same command continues.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline rebuild orders\n  factline rebuild orders --rate 20000 --workers 1\n  \
                        factline rebuild orders --dry-run --baseline deployed/factline --html report.html\n  \
                        factline rebuild orders --cancel"
)]
pub(crate) struct Options {
    /// The view
    view: String,
    #[command(flatten)]
    work: Work,
    /// Change nothing, and show what a rebuild by this program would change. Exit code 0 means
    /// nothing, and 1 that rows differ
    ///
    /// The role needs to select the stable names and to create a schema, nothing more.
    #[arg(long, conflicts_with_all = ["restart", "cancel"])]
    dry_run: bool,
    /// Another build of this tool, such as the deployed one. It finds the first event after which a
    /// row differs. Without it, only events that readers miss are found
    ///
    /// It gets the addresses of the servers; other options of Kafka come from the environment.
    #[arg(long, value_name = "PATH", requires = "dry_run")]
    baseline: Option<PathBuf>,
    /// Write a report for people, as one HTML file
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    html: Option<PathBuf>,
    /// Maximum number of rows that differ to show
    #[arg(long, value_name = "N", default_value_t = 100, requires = "dry_run")]
    rows: u32,
    /// Room on PostgreSQL's disk: refuse to begin if the view needs more. PostgreSQL cannot be
    /// asked for it
    #[arg(long, value_name = "MB", conflicts_with = "dry_run")]
    disk_mb: Option<u64>,
    /// Begin again, instead of continuing an interrupted rebuild
    #[arg(long)]
    restart: bool,
    /// Drop what an interrupted rebuild has filled, and rebuild nothing
    #[arg(long, conflicts_with = "restart")]
    cancel: bool,
}

/// Shows readers the rows that they saw before the last rebuild, or an older version of a view
///
/// The old rows get the events that have come since, so it is no step back in time. An older
/// version must have been followed by a process that has it in its list. It stays until `factline
/// rebuild`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  factline rollback orders")]
pub(crate) struct RollbackOptions {
    /// The view
    view: String,
    #[command(flatten)]
    work: Work,
}

/// The result of a dry run that found differences, which are printed.
#[derive(Debug, thiserror::Error)]
#[error("rows differ")]
pub(crate) struct Differs;

/// The resources of a rebuild.
#[derive(Debug, Args)]
struct Work {
    #[command(flatten)]
    postgres: PostgresConfig,
    /// Number of partitions that are read at the same time; without it, the number of cores
    #[arg(long, value_name = "N")]
    workers: Option<NonZero<u32>>,
    /// Maximum memory of this process, on Linux. A view that needs more reads partitions several
    /// times, each time for some of the keys
    #[arg(long, value_name = "MB", default_value_t = MEMORY_MB)]
    memory_mb: NonZero<u32>,
    /// Maximum number of events per second
    #[arg(long, value_name = "N")]
    rate: Option<NonZero<u32>>,
}

impl Work {
    fn prepare(self, kafka: &KafkaConfig) -> Rebuild {
        let chosen = self.workers.map(|workers| usize::try_from(workers.get()));
        let workers = chosen.and_then(Result::ok).unwrap_or_else(cores);
        Rebuild {
            memory: u64::from(self.memory_mb.get()) << 20,
            rate: self.rate,
            ..resources(kafka, self.postgres.database_url, workers)
        }
    }
}

/// Returns the resources of a rebuild or a dry run, with the default of memory and without a limit
/// of the rate. Ctrl-C stops it.
pub(crate) fn resources(
    kafka: &KafkaConfig,
    database_url: PgConnectOptions,
    workers: usize,
) -> Rebuild {
    let connections = u32::try_from(workers).unwrap_or(1);
    let postgres = PostgresConfig {
        database_url,
        database_connections: connections.saturating_add(MORE_CONNECTIONS),
    };
    Rebuild {
        kafka: kafka.clone(),
        registry: Registry::of(kafka),
        pool: postgres.pool("factline"),
        workers,
        memory: u64::from(MEMORY_MB.get()) << 20,
        most_rows: None,
        rate: None,
        progress: Arc::new(Progress::default()),
        shutdown: stopped_by_signal(),
    }
}

pub(crate) async fn run(
    options: Options,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let view = views.of_name(&options.view)?;
    let baseline = options.baseline.map(|path| dry_run::Program {
        words: views.words.iter().map(|word| (*word).to_owned()).collect(),
        environment: environment(kafka, &options.work.postgres),
        path,
    });
    let with = options.work.prepare(kafka);
    if options.dry_run {
        // A run over all events must not fail at its end.
        if let Some(baseline) = &baseline {
            baseline.check().await?;
        }
        if let Some(file) = &options.html {
            page::check(file)?;
        }
        let html = options.html.as_deref();
        let compared = dry_run::run(&view, &with, options.rows, baseline, html, output).await;
        let is_same = compared.with_context(|| format!("cannot compare {}", view.view_name()))?;
        return if is_same { Ok(()) } else { Err(Differs.into()) };
    }
    if options.cancel || options.restart {
        let dropped = rebuild::cancel(&view, &with).await;
        let dropped = dropped.with_context(|| failed(&view))?;
        if options.cancel {
            let said = if dropped {
                "dropped"
            } else {
                "nothing to drop"
            };
            let cells = vec![format!("{}: {said}", view.view_name())];
            return output.line(&(json!({"view": view.name, "dropped": dropped}), cells));
        }
    }
    let size = rebuild::present_size(&view, &with.pool).await;
    let size = size.with_context(|| failed(&view))?;
    if let Some(room) = options
        .disk_mb
        .filter(|room| size > room.saturating_mul(1 << 20))
    {
        let needed = indicatif::HumanBytes(size);
        bail!(
            "{}: needs about {needed}, and --disk-mb says {room} MB",
            view.view_name()
        );
    }
    if size > 0 && !output.is_for_programs() {
        eprintln!(
            "{}: PostgreSQL needs about {} more until the next rebuild",
            view.view_name(),
            indicatif::HumanBytes(size)
        );
    }
    let report = bar::beside(&with.progress, rebuild::rebuild(&view, &with)).await;
    print(&view, &report.with_context(|| failed(&view))?, *output)
}

pub(crate) async fn roll_back(
    options: RollbackOptions,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let view = views.of_name(&options.view)?;
    let with = options.work.prepare(kafka);
    let report = bar::beside(&with.progress, rebuild::roll_back(&view, &with)).await;
    let report = report.with_context(|| format!("cannot roll {} back", view.view_name()))?;
    print(&view, &report, *output)
}

/// Returns the addresses of the servers for another process.
fn environment(kafka: &KafkaConfig, postgres: &PostgresConfig) -> Vec<(&'static str, OsString)> {
    let database = postgres.database_url.to_url_lossy();
    vec![
        ("FACTLINE_KAFKA_BROKERS", kafka.brokers.clone().into()),
        ("FACTLINE_REGISTRY_URL", kafka.registry_url.clone().into()),
        ("FACTLINE_TOPIC_PREFIX", kafka.topic_prefix.clone().into()),
        ("FACTLINE_DATABASE_URL", database.to_string().into()),
    ]
}

fn failed(view: &HostedView) -> String {
    format!("cannot rebuild {}", view.view_name())
}

fn print(view: &HostedView, report: &Report, output: Output) -> Result<()> {
    let times: serde_json::Map<_, _> = report
        .times
        .iter()
        .map(|(step, time)| (name(*step).to_owned(), seconds(*time).into()))
        .collect();
    output.document(&json!({
        "view": view.name,
        "version": report.version,
        "parked": report.parked,
        "bytes": report.bytes,
        "seconds": times,
    }))
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Returns the name of a step for people and programs.
fn name(step: Step) -> &'static str {
    match step {
        Step::Preparing => "prepare",
        Step::Filling => "fill",
        Step::Indexing => "index",
        Step::CatchingUp => "catch up",
        Step::Swapping => "swap",
        Step::Comparing => "compare",
    }
}

/// Returns a token that is cancelled by Ctrl-C. What was done so far is kept.
fn stopped_by_signal() -> CancellationToken {
    let shutdown = CancellationToken::new();
    let stopped = shutdown.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopped.cancel();
        }
    });
    shutdown
}
