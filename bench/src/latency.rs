//! Latency of one command at a low rate, hop by hop, and the CPU time of a store without traffic.
//!
//! The whole store runs as processes on dedicated servers. A client sends commands at random times,
//! polls each operation, and reads the view at the operation's position. Probes read the topics and
//! listen on PostgreSQL's channel, so that each hop is measured from outside. The same hops are
//! then made by the raw calls of [`raw`], at the same rate, on the same servers.

mod client;
mod probes;
pub(crate) mod raw;
pub(crate) mod spread;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::System;

use crate::cpu;
use client::Client;
use probes::Probes;
use spread::Spread;

/// Rates and durations of the measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Commands per second, one measurement for each
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 2.0, 10.0, 100.0])]
    rates: Vec<f64>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Seconds at 100 commands/s at the beginning: a newly started broker is several times slower
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
    /// Seconds without a command after that, in which the CPU time of each process is measured
    #[arg(long, default_value_t = 60)]
    idle: u64,
}

/// Pause after the warm-up, until no process has work left.
const SETTLE: Duration = Duration::from_secs(15);

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    runtime.block_on(async {
        let system = System::start_alone("latency").await?;
        let client = Client::new(&system)?;
        client
            .send(100.0, Duration::from_secs(options.warm_up))
            .await?;
        tokio::time::sleep(SETTLE).await;
        idle(Duration::from_secs(options.idle)).await;
        let probes = Probes::start(&system).await?;
        for rate in &options.rates {
            one_rate(&system, (&client, &probes), *rate, options.seconds).await?;
        }
        Ok(())
    })
}

/// Prints the CPU time of each process of the store, in percent of a core.
async fn idle(time: Duration) {
    let before = cpu::by_program();
    tokio::time::sleep(time).await;
    let after = cpu::by_program();
    println!("idle for {} s: percent of a core", time.as_secs());
    let (mut sum, percent) = (0.0, |spent: f64| spent / time.as_secs_f64() / 1e4);
    for (program, spent) in after {
        // This process is the client.
        let spent = percent(spent - before.get(&program).copied().unwrap_or_default());
        if !["bench", "java", "postgres"].contains(&program.as_str()) {
            sum += spent;
        }
        println!("  {program:20} {spent:6.2}");
    }
    println!("  {:20} {sum:6.2}", "whole store");
}

async fn one_rate(
    system: &System,
    (client, probes): (&Client, &Probes),
    rate: f64,
    seconds: u64,
) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let sent = client.send(rate, time).await?;
    let gap = longest_gap(system).await?;
    let raw = raw::measure(system, rate, time.min(Duration::from_secs(30))).await?;
    let failed = sent.iter().filter(|sent| sent.failure.is_some()).count();
    println!(
        "\n{rate} commands/s, {} sent, {failed} unexpected responses; longest time between two polls {:.0} ms",
        sent.len(),
        gap * 1e3
    );
    for failure in sent
        .iter()
        .filter_map(|sent| sent.failure.as_deref())
        .take(3)
    {
        println!("  {failure}");
    }
    let mut hops: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for sent in &sent {
        for (hop, took) in probes.hops(sent) {
            hops.entry(hop).or_default().push(took);
        }
    }
    println!(
        "  {:48} {:>8} {:>8} {:>8} {:>8} | raw {:>8} {:>8}",
        "ms", "p50", "p95", "p99", "worst", "p50", "p99"
    );
    for (hop, what) in probes::HOPS {
        let spread = Spread::of(&hops.remove(hop).unwrap_or_default());
        let beside = raw.get(hop).map_or(String::new(), |raw| {
            format!("{:8.1} {:8.1}", raw.p50, raw.p99)
        });
        println!(
            "  {what:48} {:8.1} {:8.1} {:8.1} {:8.1} |     {beside}",
            spread.p50, spread.p95, spread.p99, spread.worst
        );
    }
    Ok(())
}

/// Returns the longest gap in seconds, over all hosts of all processes.
async fn longest_gap(system: &System) -> Result<f64> {
    let mut longest = 0.0_f64;
    for name in system.names() {
        let url = format!("{}/metrics", system.address(name));
        let text = reqwest::get(&url).await?.text().await?;
        let gaps = text
            .lines()
            .filter(|line| line.starts_with("factline_poll_gap_seconds"));
        for gap in gaps {
            let value = gap.rsplit(' ').next().context("a metric has no value")?;
            longest = longest.max(value.parse()?);
        }
    }
    Ok(longest)
}
