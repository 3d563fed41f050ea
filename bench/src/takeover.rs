//! Time from kill -9 of one of three handlers until every partition commits again.
//!
//! Commands arrive at every partition all the time. A partition commits again when the outcome of a
//! command that was appended after the kill is visible. Both cases are measured: the process
//! restarts in its slot at once, and it stays down.
//!
//! - [`group`]: the three processes, and the assignment of the partitions
//! - [`pulse`]: the commands and their outcomes
//!
//! The servers abort a transaction some 0.2 s after its timeout; a broker with default settings
//! checks every 10 s.

mod group;
mod pulse;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use factline_kafka::topics::provision;
use uuid::Uuid;

use crate::load;
use group::Group;
pub(crate) use group::{Host, host};
use pulse::Pulse;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kills in each case
    #[arg(long, default_value_t = 30)]
    tries: usize,
    /// Milliseconds without a heartbeat after which the group reassigns a process's partitions
    #[arg(long, default_value_t = 10_000)]
    session_timeout_ms: u32,
    /// Milliseconds after which Kafka aborts the transaction of a killed process
    #[arg(long, default_value_t = 10_000)]
    transaction_timeout_ms: u32,
}

/// The fate of the killed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// It restarts in its slot at once.
    Restarted,
    /// It stays down.
    Gone,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    ensure!(options.tries > 0, "nothing to measure in no tries");
    let servers = factline_dev_servers::Servers::throwaway()?;
    println!(
        "session, s | transaction, s | killed process | tries | p50, s | p99, s | longest, s | p50 in sessions"
    );
    for case in [Case::Restarted, Case::Gone] {
        let kafka = load::own_topics(&servers);
        runtime.block_on(provision::provision(
            &kafka,
            &catalog_schemas::PRODUCT,
            None,
        ))?;
        let pulse = runtime.block_on(Pulse::start(&kafka))?;
        let mut times = Vec::with_capacity(options.tries);
        let mut group = Group::start(&kafka, options)?;
        for number in 0..options.tries {
            let time = one(&mut group, &pulse, number, case)?;
            eprintln!("{case:?} {number}: {:.2} s", time.as_secs_f64());
            times.push(time);
        }
        tell(options, case, &mut times);
    }
    Ok(())
}

/// Kills one process and waits for all partitions.
fn one(group: &mut Group, pulse: &Pulse, number: usize, case: Case) -> Result<Duration> {
    group.until_shared()?;
    pulse.everywhere_since(Instant::now())?;
    // At a random point of its work.
    std::thread::sleep(Duration::from_millis(
        Uuid::new_v4().as_u64_pair().0 % 1_000,
    ));
    let begin = Instant::now();
    group.kill(number)?;
    if case == Case::Restarted {
        group.restart(number)?;
    }
    let again = pulse.everywhere_since(begin)?;
    if case == Case::Gone {
        group.restart(number)?;
    }
    Ok(again - begin)
}

fn tell(options: &Options, case: Case, times: &mut [Duration]) {
    times.sort_unstable();
    let seconds = |milliseconds: u32| f64::from(milliseconds) / 1000.0;
    // The smallest time that this percentage of the attempts does not exceed.
    let quantile = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times[rank - 1].as_secs_f64()
    };
    let session = seconds(options.session_timeout_ms);
    println!(
        "{session:10.1} | {:14.1} | {:14} | {:5} | {:6.2} | {:6.2} | {:10.2} | {:.2}",
        seconds(options.transaction_timeout_ms),
        format!("{case:?}").to_lowercase(),
        times.len(),
        quantile(50),
        quantile(99),
        quantile(100),
        quantile(50) / session,
    );
}
