//! More commands than the store can accept: a multiple of the capacity, which is measured first.
//!
//! The whole store runs as processes on dedicated servers. The capacity of `command-api` is its
//! rate with a closed loop: a number of connections, each with one request at a time. Then commands
//! come at a multiple of that rate, whether or not they are answered. At the end, each accepted
//! operation must have ended.
//!
//! The client shares the cores with the store, so the CPU time of each process is printed, too.

mod client;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use harness::System;
use harness::quiescence::until_quiescent;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::latency::spread::Spread;
use crate::{cpu, memory};
use client::{Answers, Pace, send};

/// Rates and durations of the measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Offered commands, as a multiple of the capacity
    #[arg(long, default_value_t = 3.0)]
    multiple: f64,
    /// Seconds of the overload
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Connections in the overload; the service permits 500 requests in progress and 1,000
    /// connections
    #[arg(long, default_value_t = 900)]
    connections: usize,
    /// Connections with which the capacity is measured
    #[arg(long, default_value_t = 64)]
    closed: usize,
    /// Seconds in which the capacity is measured; the first half warms the servers up
    #[arg(long, default_value_t = 60)]
    capacity_seconds: u64,
    /// Maximum number of seconds until all accepted operations have ended
    #[arg(long, default_value_t = 900)]
    patience: u64,
}

/// Time between two samples of the processes' memory.
const SAMPLE: Duration = Duration::from_secs(15);

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    runtime.block_on(async {
        let system = System::start_alone("overload").await?;
        let address = system.address("command-api");
        let address = address.trim_start_matches("http://");
        let address: SocketAddr = address.parse()?;
        let half = Duration::from_secs(options.capacity_seconds / 2);
        let patience = Duration::from_secs(options.patience);
        send(address, options.closed, Pace::Closed, half).await?;
        let before = send(address, options.closed, Pace::Closed, half).await?;
        let capacity = rate(before.accepted.len(), half);
        let took: Vec<Duration> = before.accepted.iter().map(|(_, took)| *took).collect();
        let spread = Spread::of(&took);
        println!(
            "capacity: {capacity:.0} commands/s with {} connections, p50 {:.1} ms, p99 {:.1} ms",
            options.closed, spread.p50, spread.p99
        );
        until_quiescent(&system, patience).await?;

        let time = Duration::from_secs(options.seconds);
        let watch = tokio::spawn(sample_memory());
        let spent = cpu::by_program();
        let offered = capacity * options.multiple;
        let answers = send(address, options.connections, Pace::Open(offered), time).await?;
        print_cpu(&spent, time);
        print_answers(&answers, capacity, time);
        let begun = Instant::now();
        until_quiescent(&system, patience).await?;
        println!(
            "all processes were at rest {:.0} s later",
            begun.elapsed().as_secs_f64()
        );
        watch.abort();
        print_ends(&system, &answers).await
    })
}

fn rate(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

fn print_answers(answers: &Answers, capacity: f64, time: Duration) {
    let accepted = rate(answers.accepted.len(), time);
    let sent = usize::try_from(answers.sent()).unwrap_or(usize::MAX);
    let sent = rate(sent, time);
    println!(
        "offered: {sent:.0} commands/s, {:.1} times the capacity; a request was sent at most {:.0} ms late",
        sent / capacity,
        answers.late.as_secs_f64() * 1e3
    );
    println!(
        "accepted: {accepted:.0} commands/s, {:.0} % of the capacity",
        100.0 * accepted / capacity
    );
    let all: [(&str, Vec<Duration>); 2] = [
        (
            "accepted",
            answers.accepted.iter().map(|(_, took)| *took).collect(),
        ),
        (
            "refused",
            answers.refused.iter().map(|(_, took)| *took).collect(),
        ),
    ];
    println!(
        "{:10} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "ms", "count", "p50", "p95", "p99", "worst"
    );
    for (what, took) in all {
        let spread = Spread::of(&took);
        println!(
            "{what:10} {:9} {:8.1} {:8.1} {:8.1} {:8.1}",
            took.len(),
            spread.p50,
            spread.p95,
            spread.p99,
            spread.worst
        );
    }
    let mut retries: BTreeMap<u32, usize> = BTreeMap::new();
    for (seconds, _) in &answers.refused {
        *retries.entry(*seconds).or_default() += 1;
    }
    println!("Retry-After in seconds, and how often: {retries:?}");
    println!(
        "other responses: {}{}",
        answers.other,
        answers
            .example
            .as_ref()
            .map_or(String::new(), |example| format!(", such as {example}"))
    );
}

/// Prints the CPU time of each program during the overload, in percent of a core. This process is
/// the client.
fn print_cpu(before: &BTreeMap<String, f64>, time: Duration) {
    let mut percent: Vec<(String, f64)> = cpu::by_program()
        .into_iter()
        .map(|(program, spent)| {
            let spent = spent - before.get(&program).copied().unwrap_or_default();
            (program, spent / time.as_secs_f64() / 1e4)
        })
        .collect();
    percent.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let each = percent
        .iter()
        .map(|(program, percent)| format!("{program} {percent:.0}"));
    println!("percent of a core: {}", each.collect::<Vec<_>>().join(", "));
}

/// Prints the memory of each program again and again.
async fn sample_memory() {
    let begun = Instant::now();
    loop {
        let each = memory::by_program();
        let each = each
            .iter()
            .map(|(program, mebibytes)| format!("{program} {mebibytes}"));
        let each = each.collect::<Vec<_>>().join(", ");
        println!("MiB after {:3.0} s: {each}", begun.elapsed().as_secs_f64());
        tokio::time::sleep(SAMPLE).await;
    }
}

/// Prints the number of accepted operations in each state.
async fn print_ends(system: &System, answers: &Answers) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool
        .connect(&system.database_url("factline_tracker"))
        .await?;
    let rows: Vec<(Uuid, String)> = sqlx::query_as("select id, state from operations.operation")
        .fetch_all(&pool)
        .await
        .context("cannot read the operations")?;
    let accepted: HashSet<Uuid> = answers.accepted.iter().map(|(id, _)| *id).collect();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for (_, state) in rows.into_iter().filter(|(id, _)| accepted.contains(id)) {
        *states.entry(state).or_default() += 1;
    }
    let known: usize = states.values().sum();
    println!(
        "{} accepted operations: {states:?}, {} unknown",
        accepted.len(),
        accepted.len() - known
    );
    Ok(())
}
