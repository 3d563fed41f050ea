//! Time of a handler's restart over many aggregates, and their memory: from the log alone, and with
//! snapshots.
//!
//! Each round measures both, one after the other, each in a separate process, so that its memory
//! excludes remains of the other.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use catalog::Product;
use factline_handler::Report;
use factline_kafka::{KafkaConfig, topics::provision};
use rdkafka::consumer::BaseConsumer;
use tokio_util::sync::CancellationToken;

use crate::{bare, factline_loop, load, memory};

const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Commands that have been decided: the first create the aggregates, the others change their
    /// prices
    #[arg(long, default_value_t = 1_000_000)]
    commands: usize,
    /// Aggregates of the commands
    #[arg(long, default_value_t = 100_000)]
    aggregates: usize,
    /// Events of a partition between two rounds of snapshots
    #[arg(long, default_value_t = 20_000)]
    snapshot_every: u32,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Options of the measured process.
#[derive(Debug, clap::Args)]
pub(crate) struct Restarted {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: factline_handler::Options,
    /// Number of commands after which it ends; 0 ends it when it is ready
    #[arg(long, default_value_t = 0)]
    until: usize,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = factline_dev_servers::Servers::throwaway()?;
    println!(
        "round | restart by | s | bare read of events and outcomes, s | MiB before | MiB after | bytes for each aggregate"
    );
    for round in 1..=options.rounds {
        for (name, every) in [("the log", 0), ("snapshots", options.snapshot_every)] {
            let kafka = load::own_topics(&servers);
            runtime.block_on(async {
                provision::provision(&kafka, &catalog_schemas::PRODUCT, None).await?;
                load::append(&kafka, options.commands, options.aggregates, 0).await
            })?;
            child(&kafka, every, options.commands)?;
            let read = bare::read(&kafka)?;
            let output = child(&kafka, every, 0)?;
            let [seconds, before, after] = output.as_slice() else {
                bail!("unexpected output of the measured process: {output:?}");
            };
            #[expect(clippy::cast_precision_loss, reason = "a figure")]
            let each = (after - before) * 1_048_576.0 / options.aggregates as f64;
            println!(
                "{round:5} | {name:10} | {seconds:.2} | {read:.2} | {before:.0} | {after:.0} | {each:.0}"
            );
        }
    }
    Ok(())
}

/// Runs the process, and returns its figures.
fn child(kafka: &KafkaConfig, every: u32, until: usize) -> Result<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["restarted", "--instance", "bench"])
        .args([
            "--kafka-brokers",
            &kafka.brokers,
            "--registry-url",
            &kafka.registry_url,
        ])
        .args(["--topic-prefix", &kafka.topic_prefix])
        .args([
            "--snapshot-every",
            &every.to_string(),
            "--until",
            &until.to_string(),
        ])
        .output()?;
    if !output.status.success() {
        bail!(
            "the measured process failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let output = String::from_utf8(output.stdout)?;
    output
        .split_whitespace()
        .map(|figure| Ok(figure.parse()?))
        .collect()
}

/// Starts a handler, and prints the time until it was ready and the memory before and after.
pub(crate) async fn restarted(options: Restarted) -> Result<()> {
    let before = memory::in_use();
    let begin = Instant::now();
    let ready = Arc::new(Mutex::new(false));
    let reported = Arc::clone(&ready);
    let report: Report = Arc::new(move |_, state| {
        if let Ok(mut ready) = reported.lock() {
            *ready = state.is_ok();
        }
    });
    let stop = CancellationToken::new();
    let running = tokio::spawn(factline_handler::run::<Product>(
        options.kafka.clone(),
        options.handler.clone(),
        report,
        stop.clone(),
    ));
    while !ready.lock().is_ok_and(|ready| *ready) {
        tokio::time::sleep(LOOK).await;
    }
    let (seconds, after) = (begin.elapsed().as_secs_f64(), memory::in_use());
    let group = options
        .kafka
        .topics(&catalog_schemas::PRODUCT)
        .handler_group()
        .to_owned();
    let watcher: BaseConsumer = options
        .kafka
        .client_config()
        .set("group.id", group)
        .create()?;
    // A broker may not know the group's coordinator at once.
    while factline_loop::handled(&options.kafka, &watcher).unwrap_or_default() < options.until {
        tokio::time::sleep(LOOK * 10).await;
    }
    stop.cancel();
    running.await??;
    println!("{seconds} {before} {after}");
    Ok(())
}
