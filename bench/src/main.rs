//! The performance of Factline beside the limits of the machine, measured in one run.
//!
//! Absolute figures of a shared machine vary severalfold, so only the ratios are meaningful. Each
//! round measures Factline and the bare limit one after the other, on the same servers. This is not
//! a test: it asserts no time.
//!
//! - [`load`]: commands on a topic
//! - [`factline_loop`]: the command handler, in this process
//! - [`restart`]: the time of a restart, and the memory after it
//! - [`baseline`]: the same loop without a framework, states, schemas or checks
//! - [`takeover`]: handlers in processes that are killed, and the time for which their partitions
//!   stall
//! - [`views`]: the derived statements of a view beside statements by hand
//! - [`lists`]: pages of a list over sums, with a million of them
//! - [`cold`]: aggregates that do not fit into the handler's memory
//! - [`latency`]: the whole store at a low rate, hop by hop, and without traffic
//! - [`overload`]: several times as many commands as the store can accept
//! - [`rebuild`]: a rebuild of a view beside the live follower and a bare program
//! - [`command`]: a command from the request to its end, as clients that wait see it
//! - [`operations`]: lists of a million operations, and the batches that write them
//! - [`waiters`]: thousands of requests that wait for operations
//! - [`verify`]: the verification of a log beside a drain of it
//! - [`cpu`]: CPU time of this process and of the servers, which is comparable even where the clock
//!   is not
//!
//! To measure something else, add a subcommand and its limit.

mod baseline;
mod cold;
mod command;
mod cpu;
mod factline_loop;
mod latency;
mod lists;
mod load;
mod memory;
mod operations;
mod overload;
mod rebuild;
mod restart;
mod takeover;
mod verify;
mod views;
mod waiters;

use anyhow::Result;
use clap::Parser as _;
use factline_kafka::{KafkaConfig, topics::provision};

/// Measures Factline beside the bare limit; run it in release mode
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  cargo run --release -p bench -- handler --commands 200000 --aggregates 100000\n  cargo run --release -p bench -- restart --commands 1000000 --aggregates 100000\n  cargo run --release -p bench -- takeover --tries 30\n  cargo run --release -p bench -- latency --rates 1,10 --seconds 60\n  cargo run --release -p bench -- overload --multiple 3 --seconds 300"
)]
enum Bench {
    /// Commands decided per second, and the time and memory of a restart over their records
    Handler(Handler),
    /// Latency of a command at a low rate, hop by hop, and the CPU time of an idle store
    Latency(latency::Options),
    /// Time of a handler's restart, and its memory: from the log alone, and with snapshots
    Restart(restart::Options),
    /// The process that `restart` measures
    #[command(hide = true)]
    Restarted(Box<restart::Restarted>),
    /// Time from kill -9 of one of three handlers until every partition commits again
    Takeover(takeover::Options),
    /// Time of the statements that load and write the rows of a view
    Views(views::Options),
    /// Time of the pages of `GET /customers`
    Lists(lists::Options),
    /// Rate, memory and latency of aggregates that do not fit into the handler's memory
    Cold(cold::Options),
    /// Rate, latency and refusals of a store that is offered several times its capacity
    Overload(overload::Options),
    /// Events per second of a rebuild
    Rebuild(rebuild::Options),
    /// Records per second that `factline verify` checks
    Verify(verify::Options),
    /// Time from a command's request to its end, for clients that wait and that poll
    Command(command::Options),
    /// Time of the pages of `GET /operations`, and of the batches that write operations
    Operations(operations::Options),
    /// Latency and memory of thousands of requests that wait for operations
    Waiters(waiters::Options),
    /// The server that `waiters` measures
    #[command(hide = true)]
    WaitingServer(waiters::Server),
    /// A handler that will be killed; `takeover` starts it
    #[command(hide = true)]
    Host(Box<takeover::Host>),
}

#[derive(Debug, clap::Args)]
struct Handler {
    /// Commands in a round
    #[arg(long, default_value_t = 100_000)]
    commands: usize,
    /// Aggregates of the commands: the first commands create them, the others change their prices
    #[arg(long, default_value_t = 10_000)]
    aggregates: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Maximum number of commands in a transaction
    #[arg(long, default_value_t = 1000)]
    max_batch: u32,
    /// Commands per second while the handler runs; 0 appends all of them before
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Workers in the process
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Memory limit of the process in mebibytes; the default is that of the system
    #[arg(long)]
    memory_mb: Option<u32>,
}

impl Handler {
    /// Returns one round of commands that are appended before, for a benchmark of what follows.
    fn once(commands: usize, aggregates: usize) -> Self {
        Self {
            commands,
            aggregates,
            rounds: 1,
            max_batch: 1000,
            rate: 0,
            workers: 1,
            memory_mb: None,
        }
    }
}

/// The result of a loop over its commands.
struct Passed {
    /// Commands per second.
    rate: f64,
    /// CPU time of each command.
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
        Bench::Views(options) => views::measure(&runtime, &options),
        Bench::Lists(options) => lists::measure(&runtime, &options),
        Bench::Cold(options) => cold::measure(&runtime, &options),
        Bench::Overload(options) => overload::measure(&runtime, &options),
        Bench::Rebuild(options) => rebuild::measure(&runtime, &options),
        Bench::Verify(options) => verify::measure(&runtime, &options),
        Bench::Command(options) => command::measure(&runtime, &options),
        Bench::Operations(options) => operations::measure(&runtime, &options),
        Bench::Waiters(options) => waiters::measure(&runtime, &options),
        Bench::WaitingServer(server) => runtime.block_on(waiters::serve(server)),
        Bench::Host(host) => runtime.block_on(takeover::host(*host)),
    }
}

fn handler(runtime: &tokio::runtime::Runtime, options: &Handler) -> Result<()> {
    let servers = factline_dev_servers::Servers::throwaway()?;
    println!(
        "round | handler, commands/s | CPU µs each, servers' | bare, commands/s | CPU µs each, servers' | ratio | restart, s | bare read, s | MiB in use"
    );
    for round in 1..=options.rounds {
        let kafka = KafkaConfig {
            instance: "bench".to_owned(),
            ..load::own_topics(&servers)
        };
        runtime.block_on(async {
            provision::provision(&kafka, &catalog_schemas::PRODUCT, None).await?;
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
