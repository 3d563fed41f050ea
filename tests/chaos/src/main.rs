//! `./dev faults`: runs the store under clients and faults, and checks the result.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use chaos::schedule::{Kind, schedule};
use chaos::{PATIENCE, Plan, run};
use clap::Parser;

/// Injects faults into a whole store while clients use it, and checks that every command was
/// executed exactly once
///
/// Several processes of every role run on their own Kafka and `PostgreSQL`. The seed alone decides
/// which faults occur when. A run that finds a violation ends with code 1 and prints its seed.
#[derive(Parser)]
#[command(
    name = "./dev faults",
    after_help = "Examples:\n  ./dev faults --minutes 10\n  ./dev faults --minutes 10 --seed 4711    the same faults at the same moments\n  ./dev faults --seed 4711 --schedule-only\n  ./dev faults --minutes 5 --only open-transaction,freeze\n  ./dev faults --minutes 5 --mutant keep-revoked    breaks a rule: the checker must find it"
)]
struct Options {
    /// Duration of faults and clients
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,

    /// Seed of the faults and requests; random by default
    #[arg(long)]
    seed: Option<u64>,

    /// Only faults of these kinds, each more often
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    only: Vec<Kind>,

    /// Breaks this rule in every process: `FACTLINE_MUTANT`, see crates/factline-failpoints
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,

    /// Makes every process pause between two steps with some probability: `FACTLINE_PAUSES`, such
    /// as flushed=0.01:500
    #[arg(long, value_name = "SPEC")]
    pauses: Option<String>,

    /// Maximum time until all operations have ended, after the last fault is over; with a mutant
    /// they may never end
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE.as_secs())]
    patience: u64,

    /// Prints the schedule and starts nothing
    #[arg(long)]
    schedule_only: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(rand::random);
    let kinds = if options.only.is_empty() {
        Kind::possible()
    } else {
        options.only.clone()
    };
    for kind in Kind::ALL {
        if let Some(obstacle) = kind.obstacle() {
            ensure!(!kinds.contains(&kind), "cannot inject {kind:?}: {obstacle}");
            println!("without {kind:?}: {obstacle}");
        }
    }
    let schedule = schedule(seed, options.minutes, &kinds);
    if options.schedule_only {
        for (at, fault) in &schedule {
            println!("{:7.1} s  {fault}", at.as_secs_f64());
        }
        println!("seed {seed}, {} minutes", options.minutes);
        return Ok(ExitCode::SUCCESS);
    }
    let environment = [
        ("FACTLINE_MUTANT", options.mutant),
        ("FACTLINE_PAUSES", options.pauses),
    ];
    let environment = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    println!(
        "seed {seed}: ./dev faults --minutes {}{} --seed {seed}",
        options.minutes,
        only(&options.only)
    );
    let report = run(&Plan {
        seed,
        schedule,
        lasts: Duration::from_mins(options.minutes),
        patience: Duration::from_secs(options.patience),
        environment: environment.collect(),
    })
    .await?;
    print!("\n{report}");
    Ok(if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns the options as they were given.
fn only(kinds: &[Kind]) -> String {
    let names = kinds.iter().filter_map(clap::ValueEnum::to_possible_value);
    let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" --only {}", names.join(","))
    }
}
