//! `factline verify` beside a bare drain of the same topics.
//!
//! The drain polls every record of commands, outcomes and events, one thread for each core, and
//! looks at none of them. Both run once before they are measured, because the first reader finds
//! colder caches. The verification is the program of this build, so its start counts too. On a
//! machine with other users, the ratio of the CPU time says more than that of the clock.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalog_schemas::PRODUCT;
use factline_dev_servers::Servers;
use factline_kafka::KafkaConfig;
use factline_kafka::topics::provision;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::cpu::{self, Cpu};
use crate::factline_loop::{self, Setup};
use crate::load;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Commands that a handler decides before
    #[arg(long, default_value_t = 1_000_000)]
    commands: usize,
    /// Aggregates of the commands
    #[arg(long, default_value_t = 100_000)]
    aggregates: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Decode values as well
    #[arg(long)]
    decode: bool,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    let kafka = KafkaConfig {
        instance: "bench".to_owned(),
        ..load::own_topics(&servers)
    };
    let handler = Setup::once(options.commands, options.aggregates);
    runtime.block_on(async {
        provision::provision(&kafka, &PRODUCT, None).await?;
        factline_loop::handle(&kafka, &handler).await
    })?;
    drain(&kafka)?;
    verify(&kafka, options)?;
    println!(
        "round | records | drain, records/s | CPU µs each, servers' | verify, records/s | CPU µs each, servers' | ratio | of CPU"
    );
    for round in 1..=options.rounds {
        let before = Cpu::spent();
        let (records, drained) = drain(&kafka)?;
        let records = f64::from(records);
        let drain = Cpu::each(before, records);
        let (before, ended) = (Cpu::spent(), cpu::ended());
        let verified = verify(&kafka, options)?;
        let verify = Cpu {
            ours: (cpu::ended() - ended) / records,
            ..Cpu::each(before, records)
        };
        let rate = |took: Duration| records / took.as_secs_f64();
        println!(
            "{round:5} | {records:7} | {:16.0} | {:11.2}, {:8.2} | {:17.0} | {:11.2}, {:8.2} | {:5.2} | {:6.2}",
            rate(drained),
            drain.ours,
            drain.servers,
            rate(verified),
            verify.ours,
            verify.servers,
            rate(verified) / rate(drained),
            (drain.ours + drain.servers) / (verify.ours + verify.servers),
        );
    }
    Ok(())
}

/// Runs the tool of this build.
fn verify(kafka: &KafkaConfig, options: &Options) -> Result<Duration> {
    let program = std::env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    let begun = Instant::now();
    let mut command = Command::new(folder.join("factline"));
    command
        .args(["verify", "--type", PRODUCT.aggregate])
        .env("FACTLINE_KAFKA_BROKERS", &kafka.brokers)
        .env("FACTLINE_REGISTRY_URL", &kafka.registry_url)
        .env("FACTLINE_TOPIC_PREFIX", &kafka.topic_prefix)
        .stdout(Stdio::null());
    if options.decode {
        command.arg("--decode");
    }
    let status = command
        .status()
        .context("cannot start factline: run `cargo build --release --bins`")?;
    ensure!(status.success(), "the log has findings: {status}");
    Ok(begun.elapsed())
}

/// Reads all three topics. Returns the number of records, and the time.
fn drain(kafka: &KafkaConfig) -> Result<(u32, Duration)> {
    let topics = kafka.topics(&PRODUCT);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = i32::try_from(threads)?;
    let begun = Instant::now();
    let records = std::thread::scope(|scope| {
        let topics = [topics.commands(), topics.outcomes(), topics.events()];
        let drains: Vec<_> = (0..threads)
            .map(|thread| {
                let partitions: Vec<i32> = (0..PRODUCT.partitions)
                    .filter(|partition| partition % threads == thread)
                    .collect();
                scope.spawn(move || {
                    let drained = topics.map(|topic| drain_topic(kafka, topic, &partitions));
                    drained.into_iter().sum::<Result<u32>>()
                })
            })
            .collect();
        let drained = drains.into_iter().map(|drain| {
            let joined = drain.join();
            joined.unwrap_or_else(|_| Err(anyhow::anyhow!("a draining thread has panicked")))
        });
        drained.sum::<Result<u32>>()
    })?;
    Ok((records, begun.elapsed()))
}

fn drain_topic(kafka: &KafkaConfig, topic: &str, partitions: &[i32]) -> Result<u32> {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "drain")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let mut from = TopicPartitionList::new();
    for partition in partitions {
        // The topics are new. A client that has to ask for the beginning waits half a second if it
        // does not know the leaders yet.
        from.add_partition_offset(topic, *partition, Offset::Offset(0))?;
    }
    consumer.assign(&from)?;
    let (mut open, mut records) = (partitions.len(), 0);
    while open > 0 {
        match consumer.poll(load::PATIENCE) {
            Some(Ok(_)) => records += 1,
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => return Err(error.into()),
            None => anyhow::bail!("no answer from kafka"),
        }
    }
    Ok(records)
}
