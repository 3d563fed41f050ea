//! Thousands of requests that wait for operations, beside a bare map of one-shot channels behind
//! the same HTTP server.
//!
//! Each waiter has a connection and an operation of its own. Once all wait, the operations end at a
//! rate, in transactions of ten milliseconds' worth. The latency of a waiter is the time from the
//! return of the commit, or from the send on the bare channel, to its response. The memory of a
//! waiter is what the server's process has grown by.

mod client;
pub(crate) mod server;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use factline::outcome::State;
use factline_dev_servers::Servers;
use factline_tracker::fold::fold;
use factline_tracker::observation::{RecordId, StatusUpdate};
use factline_tracker::{batch, migrate};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::latency::spread::Spread;
use client::Waiters;
pub(crate) use server::Server;

/// Numbers of the measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Requests that wait
    #[arg(long, default_value_t = 9_000)]
    waiters: u32,
    /// Ends per second, one measurement for each
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 5_000])]
    rates: Vec<u32>,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// A way to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// A request with `Prefer: wait`.
    Request,
    /// Server-sent events.
    Events,
}

/// Time between two transactions that end operations.
const STEP: Duration = Duration::from_millis(10);

/// Time that the servers get to settle before and after all requests wait.
const SETTLE: Duration = Duration::from_secs(3);

/// The result of a round.
#[derive(Debug)]
struct Measured {
    spread: Spread,
    lost: usize,
    kib: f64,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    servers.postgres.create_database("waiters")?;
    let url = servers.postgres.url("waiters", "factline_tracker");
    runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(4).connect(&url).await?;
        migrate(&pool).await?;
        println!(
            "{} waiters\n{:8} {:>7} | {:>6} {:>6} {:>6} {:>5} {:>8} | {:>6} {:>6} {:>6} {:>5} {:>8}",
            options.waiters, "way", "ends/s", "p50", "p99", "worst", "lost", "KiB each", "bare p50",
            "p99", "worst", "lost", "KiB each"
        );
        for _ in 0..options.rounds {
            for way in [Way::Request, Way::Events] {
                for rate in &options.rates {
                    let ours = ours(&pool, &url, way, options.waiters, *rate).await?;
                    let bare = bare(way, options.waiters, *rate).await?;
                    print(way, *rate, &ours, &bare);
                }
            }
        }
        Ok(())
    })
}

fn print(way: Way, rate: u32, ours: &Measured, bare: &Measured) {
    let name = match way {
        Way::Request => "request",
        Way::Events => "events",
    };
    let columns = |one: &Measured| {
        format!(
            "{:6.1} {:6.1} {:6.1} {:5} {:8.1}",
            one.spread.p50, one.spread.p99, one.spread.worst, one.lost, one.kib
        )
    };
    println!("{name:8} {rate:7} | {} | {}", columns(ours), columns(bare));
}

/// Measures the tracker.
async fn ours(pool: &PgPool, url: &str, way: Way, count: u32, rate: u32) -> Result<Measured> {
    let operations: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    for (begun, ids) in operations.chunks(500).enumerate() {
        write(pool, ids, begun, State::Pending).await?;
    }
    let server = server::Child::start(Some(url), way)?;
    let before = server.memory()?;
    let waiters = Waiters::open(&server, way, operations.iter().map(Uuid::to_string)).await?;
    tokio::time::sleep(SETTLE).await;
    let kib = (server.memory()? - before) / f64::from(count);
    let mut ended = Vec::with_capacity(operations.len());
    let each = usize::try_from(rate)? * usize::try_from(STEP.as_millis())? / 1_000;
    let begun = Instant::now();
    for (number, ids) in operations.chunks(each.max(1)).enumerate() {
        let due = STEP * u32::try_from(number)?;
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        write(pool, ids, number, State::Completed).await?;
        ended.resize(ended.len() + ids.len(), now());
    }
    let answered = waiters.answered().await;
    Ok(measured(&ended, &answered, kib))
}

/// Measures the map of channels.
async fn bare(way: Way, count: u32, rate: u32) -> Result<Measured> {
    let server = server::Child::start(None, way)?;
    let before = server.memory()?;
    let ids = (0..count).map(|number| number.to_string());
    let waiters = Waiters::open(&server, way, ids).await?;
    tokio::time::sleep(SETTLE).await;
    let kib = (server.memory()? - before) / f64::from(count);
    let ended = reqwest::get(format!("{}/end/{rate}", server.url())).await?;
    let ended: Vec<u64> = ended.error_for_status()?.json().await?;
    ensure!(
        ended.len() == usize::try_from(count)?,
        "not all were waiting"
    );
    let answered = waiters.answered().await;
    Ok(measured(&ended, &answered, kib))
}

fn measured(ended: &[u64], answered: &[Option<u64>], kib: f64) -> Measured {
    let took = ended.iter().zip(answered).filter_map(|(ended, answered)| {
        let took = (*answered)?.saturating_sub(*ended);
        Some(Duration::from_micros(took))
    });
    Measured {
        spread: Spread::of(&took.collect::<Vec<_>>()),
        lost: answered
            .iter()
            .filter(|answered| answered.is_none())
            .count(),
        kib,
    }
}

/// Writes a batch of operations as a follower does.
async fn write(pool: &PgPool, ids: &[Uuid], batch: usize, state: State) -> Result<()> {
    let now = chrono::Utc::now();
    let update = |(number, id): (usize, &Uuid)| StatusUpdate {
        id: *id,
        record_id: RecordId {
            topic: "bench".to_owned(),
            partition: i32::try_from(batch).unwrap_or_default(),
            offset: i64::try_from(number).unwrap_or_default(),
        },
        kind: "command",
        state,
        name: "bench.Command".to_owned(),
        aggregate: "bench.thing".to_owned(),
        resource_id: Some(id.to_string()),
        code: None,
        reason: None,
        user_id: "anonymous".to_owned(),
        version: Some(1),
        position: None,
        parent: None,
        root: None,
        retry_of: None,
        expires_at: None,
        created_at: now,
        updated_at: now,
        pending: None,
        running: None,
    };
    let mut transaction = pool.begin().await?;
    let batch = fold(ids.iter().enumerate().map(update));
    batch::write(&mut transaction, &batch).await?;
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-tracker')")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Returns the present time in microseconds, comparable between processes of this machine.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Runs the server that the benchmark measures.
pub(crate) async fn serve(server: Server) -> Result<()> {
    server::run(server)
        .await
        .context("the server of waiters failed")
}
