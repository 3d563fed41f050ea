//! What the kit achieves, beside what the machine can do, measured in one run.
//!
//! Figures of a machine that others use vary severalfold, so only the ratios mean something: each round measures ours and
//! the bare limit one after the other, on the same servers. Nothing here is a test: no time is asserted anywhere.
//!
//! - [`load`]: commands on a topic
//! - [`factline_loop`]: the command handler, in this process
//! - [`restart`]: how long it takes to come back, and what it holds in memory
//! - [`baseline`]: the same loop without a framework, states, schemas or checks
//! - [`takeover`]: handlers in processes that are killed, and how long their partitions stand still
//! - [`latency`]: the whole store at a low rate, hop by hop, and without traffic
//! - [`cpu`]: CPU time, of us and of the servers: it can be compared even where the clock cannot
//!
//! To measure something else: a subcommand, and its limit.

mod baseline;
mod cpu;
mod factline_loop;
mod latency;
mod load;
mod memory;
mod restart;
mod takeover;

use anyhow::Result;
use clap::Parser as _;
use factline_kafka::{KafkaConfig, topics::provision};
use uuid::Uuid;

/// Measures the kit beside the bare limit; run it in release mode
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  cargo run --release -p bench -- handler --commands 200000 --aggregates 100000\n  cargo run --release -p bench -- restart --commands 1000000 --aggregates 100000\n  cargo run --release -p bench -- takeover --tries 30\n  cargo run --release -p bench -- latency --rates 1,10 --seconds 60"
)]
enum Bench {
    /// Commands decided in a second, and the time and memory of a restart over what they left
    Handler(Handler),
    /// Latency of a command at a low rate, hop by hop, and the CPU time of an idle store
    Latency(latency::Options),
    /// How long a handler takes to come back, and its memory: by the log alone, and with snapshots
    Restart(restart::Options),
    /// What `restart` measures
    #[command(hide = true)]
    Restarted(Box<restart::Restarted>),
    /// From kill -9 of one of three handlers until every partition commits again
    Takeover(takeover::Options),
    /// A handler that is to be killed: what `takeover` starts
    #[command(hide = true)]
    Host(Box<takeover::Host>),
}

#[derive(Debug, clap::Args)]
struct Handler {
    /// Commands in a round
    #[arg(long, default_value_t = 100_000)]
    commands: usize,
    /// Aggregates that they are about: the first commands create them, the others change their prices
    #[arg(long, default_value_t = 10_000)]
    aggregates: usize,
    /// Times that everything is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Commands in a transaction at most
    #[arg(long, default_value_t = 1000)]
    max_batch: u32,
    /// Commands that come in a second while the handler runs; 0: all of them before
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Workers in the process
    #[arg(long, default_value_t = 1)]
    workers: u32,
}

/// How a loop has passed its commands.
struct Passed {
    /// Commands in a second.
    rate: f64,
    /// What each of them cost.
    each: cpu::Cpu,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match Bench::parse() {
        Bench::Handler(options) => handler(&runtime, &options),
        Bench::Latency(options) => latency::measure(&runtime, &options),
        Bench::Restart(options) => restart::measure(&runtime, &options),
        Bench::Restarted(options) => runtime.block_on(restart::restarted(*options)),
        Bench::Takeover(options) => takeover::measure(&runtime, &options),
        Bench::Host(host) => runtime.block_on(takeover::host(*host)),
    }
}

fn handler(runtime: &tokio::runtime::Runtime, options: &Handler) -> Result<()> {
    let servers = dev_servers::Servers::throwaway()?;
    println!(
        "round | handler, commands/s | CPU µs each, servers' | bare, commands/s | CPU µs each, servers' | ratio | restart, s | bare read, s | MiB in use"
    );
    for round in 1..=options.rounds {
        let kafka = KafkaConfig {
            brokers: servers.kafka.brokers(),
            registry_url: servers.registry.url(),
            topic_prefix: format!("bench-{}.", Uuid::new_v4().simple()),
            instance: "bench".to_owned(),
            ..KafkaConfig::default()
        };
        runtime.block_on(async {
            provision::provision(&kafka, &catalog::PRODUCT, None).await?;
            let handled = factline_loop::handle(&kafka, options).await?;
            let bare = baseline::handle(&kafka, options.commands, options.max_batch as usize)?;
            let before = memory::in_use();
            let restart = factline_loop::restart(&kafka, options).await?;
            let read = baseline::read(&kafka)?;
            println!(
                "{round:5} | {:19.0} | {:11.1}, {:8.1} | {:16.0} | {:11.1}, {:8.1} | {:5.2} | {:10.2} | {:12.2} | {before} -> {}",
                handled.rate,
                handled.each.ours,
                handled.each.servers,
                bare.rate,
                bare.each.ours,
                bare.each.servers,
                handled.rate / bare.rate,
                restart.seconds,
                read,
                restart.memory,
            );
            anyhow::Ok(())
        })?;
    }
    Ok(())
}
