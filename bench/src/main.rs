//! The performance of Factline beside the limits of the machine, measured in one run.
//!
//! Absolute figures of a shared machine vary severalfold, so only the ratios are meaningful. Each
//! round measures Factline and the bare limit one after the other, on the same servers. This is not
//! a test: it asserts no time.
//!
//! - [`handler`]: commands decided per second, by [`factline_loop`], the command handler in this
//!   process, and by [`bare`], the same loop without a framework, states, schemas or checks
//! - [`load`]: commands on a topic
//! - [`restart`]: the time of a restart, and the memory after it
//! - [`store`]: the whole store with a backlog of orders
//! - [`takeover`]: handlers in processes that are killed, and the time for which their partitions
//!   stall
//! - [`views`]: the derived statements of a view beside statements by hand
//! - [`lists`]: pages of a list over sums, with a million of them
//! - [`cold`]: aggregates that do not fit into the handler's memory
//! - [`latency`]: the whole store at a low rate, hop by hop, and without traffic
//! - [`overload`]: several times as many commands as the store can accept
//! - [`reads`]: reads of a view over HTTP, beside the same SQL without them
//! - [`rebuild`]: a rebuild of a view beside the live follower and a bare program
//! - [`command`]: a command from the request to its end, as clients that wait see it
//! - [`operations`]: lists of a million operations, and the batches that write them
//! - [`waiters`]: thousands of requests that wait for operations
//! - [`verify`]: the verification of a log beside a drain of it
//! - [`figures`]: the medians, ranges and ratios that a benchmark prints, also as JSON
//! - [`spinners`]: processes that keep the cores awake
//! - [`transactions`]: the transactions of the handler in this process
//! - [`cpu`]: CPU time of this process and of the servers, which is comparable even where the clock
//!   is not
//!
//! To measure something else, add a subcommand and its limit.

mod bare;
mod cold;
mod command;
mod cpu;
mod factline_loop;
mod figures;
mod handler;
mod latency;
mod lists;
mod load;
mod memory;
mod operations;
mod overload;
mod reads;
mod rebuild;
mod restart;
mod spinners;
mod store;
mod takeover;
mod transactions;
mod verify;
mod views;
mod waiters;

use anyhow::Result;
use clap::Parser as _;

/// Measures Factline beside the bare limit; run it in release mode
#[derive(Debug, clap::Parser)]
#[command(
    version,
    after_help = "Example:\n  cargo run --release -p bench -- handler --commands 200000 --caps 256,1000 --workers 1,2\n  cargo run --release -p bench -- restart --commands 1000000 --aggregates 100000\n  cargo run --release -p bench -- takeover --tries 30\n  cargo run --release -p bench -- latency --rates 1,10 --seconds 60\n  cargo run --release -p bench -- overload --multiple 3 --seconds 300"
)]
enum Bench {
    /// Commands decided per second, beside the bare loop, and the time and memory of a restart
    Handler(handler::Options),
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
    /// Orders per second of the whole store, and the CPU time of each process
    Store(store::Options),
    /// Reads per second over HTTP, beside the same SQL on connections of its own
    Reads(reads::Options),
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

/// The result of a loop over its commands.
struct Passed {
    /// Commands per second.
    rate: f64,
    /// CPU time of each command.
    each: cpu::Cpu,
    /// The part of the transactions that have waited for librdkafka's retry after 20 ms.
    waited: f64,
    /// Mean number of commands in a transaction.
    batch: f64,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match Bench::parse() {
        Bench::Handler(options) => handler::measure(&runtime, &options),
        Bench::Latency(options) => latency::measure(&runtime, &options),
        Bench::Restart(options) => restart::measure(&runtime, &options),
        Bench::Restarted(options) => runtime.block_on(restart::restarted(*options)),
        Bench::Takeover(options) => takeover::measure(&runtime, &options),
        Bench::Views(options) => views::measure(&runtime, &options),
        Bench::Lists(options) => lists::measure(&runtime, &options),
        Bench::Cold(options) => cold::measure(&runtime, &options),
        Bench::Overload(options) => overload::measure(&runtime, &options),
        Bench::Reads(options) => reads::measure(&runtime, &options),
        Bench::Store(options) => store::measure(&runtime, &options),
        Bench::Rebuild(options) => rebuild::measure(&runtime, &options),
        Bench::Verify(options) => verify::measure(&runtime, &options),
        Bench::Command(options) => command::measure(&runtime, &options),
        Bench::Operations(options) => operations::measure(&runtime, &options),
        Bench::Waiters(options) => waiters::measure(&runtime, &options),
        Bench::WaitingServer(server) => runtime.block_on(waiters::serve(server)),
        Bench::Host(host) => runtime.block_on(takeover::host(*host)),
    }
}
