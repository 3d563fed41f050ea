//! A rebuild of the view `products` beside the live follower, and beside a bare program that folds,
//! copies and builds indexes.
//!
//! Each round measures all three over the same events. The live follower fills an empty table. The
//! rebuild then replaces its rows, with its migrations, the last events and the swap.

mod bare;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalog_schemas::PRODUCT;
use factline_dev_servers::Servers;
use factline_dev_servers::postgres::Postgres;
use factline_kafka::topics::provision;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::rebuild::{self, Progress, Rebuild, Step};
use factline_postgres::{Following, HostedView, process};
use projectors::catalog::products::Products;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::cpu::Cpu;
use crate::factline_loop::{self, Setup};
use crate::{load, memory};

/// The view that is filled.
const VIEW: [HostedView; 1] = [HostedView::of::<Products>()];
/// Poll interval of the checkpoints.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Events in the log
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Keys of the events
    #[arg(long, default_value_t = 100_000)]
    keys: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Partitions that are folded at the same time; the default is the number of cores
    #[arg(long)]
    workers: Option<usize>,
}

/// Events per second, and the CPU time of each.
struct Measured {
    rate: f64,
    each: Cpu,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    let kafka = KafkaConfig {
        instance: "bench".to_owned(),
        ..load::own_topics(&servers)
    };
    let handler = Setup::once(options.events, options.keys);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = options.workers.unwrap_or(cores);
    runtime.block_on(async {
        provision::provision(&kafka, &PRODUCT, None).await?;
        factline_loop::handle(&kafka, &handler).await?;
        println!(
            "round | live, events/s | CPU µs each, servers' | rebuild, events/s | CPU µs each, servers' | bare, events/s | CPU µs each, servers' | times live | of bare | swap, ms | MiB"
        );
        for round in 1..=options.rounds {
            let name = format!("round_{round}");
            let pool = database(&servers.postgres, &name).await?;
            let live = live(&kafka, &pool, options.events).await?;
            let (built, report) = built(&kafka, &pool, workers, options.events).await?;
            let bare = bare(&kafka, &servers.postgres, round, workers, options.events).await?;
            let swap = report.times.iter().find(|(step, _)| *step == Step::Swapping);
            let swap = swap.map_or(0.0, |(_, took)| took.as_secs_f64() * 1_000.0);
            println!(
                "{round:5} | {:14.0} | {:11.2}, {:8.2} | {:17.0} | {:11.2}, {:8.2} | {:14.0} | {:11.2}, {:8.2} | {:10.2} | {:7.2} | {swap:8.0} | {:3}",
                live.rate,
                live.each.ours,
                live.each.servers,
                built.rate,
                built.each.ours,
                built.each.servers,
                bare.rate,
                bare.each.ours,
                bare.each.servers,
                built.rate / live.rate,
                built.rate / bare.rate,
                memory::in_use(),
            );
            let steps: Vec<_> = report
                .times
                .iter()
                .map(|(step, took)| format!("{step:?} {:.2} s", took.as_secs_f64()))
                .collect();
            println!("      | {}", steps.join(", "));
        }
        anyhow::Ok(())
    })
}

async fn database(postgres: &Postgres, name: &str) -> Result<PgPool> {
    postgres.create_database(name)?;
    let pool = PgPool::connect(&postgres.url(name, "factline_projector")).await?;
    process::migrate(&pool, &VIEW).await?;
    Ok(pool)
}

/// Measures the follower, from its first checkpoints on.
async fn live(kafka: &KafkaConfig, pool: &PgPool, events: usize) -> Result<Measured> {
    let shutdown = CancellationToken::new();
    let with = Following {
        kafka: kafka.clone(),
        registry: Registry::of(kafka),
        pool: pool.clone(),
        report: Box::new(|_| {}),
        shutdown: shutdown.clone(),
    };
    let running = tokio::spawn(async move { VIEW[0].run(with).await });
    while applied(pool).await? == 0 {
        tokio::time::sleep(LOOK).await;
    }
    let (begun, spent) = (Instant::now(), Cpu::spent());
    let before = applied(pool).await?;
    while applied(pool).await? < events {
        ensure!(!running.is_finished(), "the follower has ended");
        tokio::time::sleep(LOOK).await;
    }
    let measured = measured(begun, spent, events - before)?;
    shutdown.cancel();
    running.await??;
    Ok(measured)
}

async fn applied(pool: &PgPool) -> Result<usize> {
    let sql = "select coalesce(sum(sequence), 0)::bigint from factline.checkpoint";
    let applied: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(usize::try_from(applied)?)
}

async fn built(
    kafka: &KafkaConfig,
    pool: &PgPool,
    workers: usize,
    events: usize,
) -> Result<(Measured, rebuild::Report)> {
    let with = Rebuild {
        kafka: kafka.clone(),
        registry: Registry::of(kafka),
        pool: pool.clone(),
        workers,
        memory: 4 << 30,
        most_rows: None,
        rate: None,
        progress: Arc::new(Progress::default()),
        shutdown: CancellationToken::new(),
    };
    let (begun, spent) = (Instant::now(), Cpu::spent());
    let report = rebuild::rebuild(&VIEW[0], &with).await?;
    Ok((measured(begun, spent, events)?, report))
}

async fn bare(
    kafka: &KafkaConfig,
    postgres: &Postgres,
    round: usize,
    workers: usize,
    events: usize,
) -> Result<Measured> {
    let name = format!("bare_{round}");
    postgres.create_database(&name)?;
    let pool = PgPool::connect(&postgres.url(&name, "factline")).await?;
    let (begun, spent) = (Instant::now(), Cpu::spent());
    let folded = bare::fill(kafka, &pool, workers)
        .await
        .context("the bare program")?;
    ensure!(folded == events, "{folded} events instead of {events}");
    measured(begun, spent, events)
}

fn measured(begun: Instant, spent: Cpu, events: usize) -> Result<Measured> {
    let events = f64::from(u32::try_from(events)?);
    Ok(Measured {
        rate: events / begun.elapsed().as_secs_f64(),
        each: Cpu::each(spent, events),
    })
}
