//! Aggregates that do not fit into the handler's memory: the rate at which they are created, the
//! memory that they take, and the latency of commands to aggregates that are on disk.
//!
//! The limit beside it is the same with enough memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_kafka::records::record::Record;
use factline_kafka::topics::provision;
use factline_kafka::{KafkaConfig, Registry};
use rand::RngExt as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::factline_loop::{self, Setup};
use crate::load::{Appended, command, product};
use crate::{load, memory};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of aggregates
    #[arg(long, default_value_t = 1_000_000)]
    aggregates: usize,
    /// Memory limits of the handler's process to compare, in mebibytes
    #[arg(long, value_delimiter = ',', default_value = "128,16384")]
    memory_mb: Vec<u32>,
    /// Commands per second to random aggregates
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Seconds for which these commands are sent
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

pub(crate) fn measure(runtime: &Runtime, options: &Options) -> Result<()> {
    let servers = factline_dev_servers::Servers::throwaway()?;
    let _inside = runtime.enter();
    println!(
        "limit, MiB | created/s | MiB in use before | created | restarted | restart, s | p50, ms | p99, ms | max, ms"
    );
    for limit in &options.memory_mb {
        let kafka = KafkaConfig {
            instance: "bench".to_owned(),
            ..load::own_topics(&servers)
        };
        let handler = Setup {
            memory_mb: Some(*limit),
            ..Setup::once(options.aggregates, options.aggregates)
        };
        let before = memory::in_use();
        let watched = memory::Peak::watch();
        let created = runtime.block_on(async {
            provision::provision(&kafka, &catalog_schemas::PRODUCT, None).await?;
            factline_loop::handle(&kafka, &handler).await
        })?;
        let peak = watched.end();
        let begin = Instant::now();
        let watched = memory::Peak::watch();
        let running = factline_loop::start(&kafka, &handler);
        runtime.block_on(running.ready());
        let restart = begin.elapsed().as_secs_f64();
        let mut latencies = runtime.block_on(latencies(&kafka, options))?;
        let restarted = watched.end();
        runtime.block_on(running.stop())?;
        latencies.sort_unstable();
        let at = |part: f64| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a figure"
            )]
            let place = ((latencies.len() - 1) as f64 * part) as usize;
            latencies[place].as_secs_f64() * 1000.0
        };
        println!(
            "{limit:10} | {:9.0} | {before:17} | {peak:7} | {restarted:9} | {restart:10.1} | {:7.1} | {:7.1} | {:7.1}",
            created.rate,
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
    Ok(())
}

/// Sends commands to random aggregates, and returns for each the time until its outcome is visible.
async fn latencies(kafka: &KafkaConfig, options: &Options) -> Result<Vec<Duration>> {
    let topics = kafka.topics(&catalog_schemas::PRODUCT);
    let registry = Registry::new(&kafka.registry_url);
    let schemas = registry
        .register_all(topics.commands(), catalog_schemas::PRODUCT.commands)
        .await?;
    let outcomes: BaseConsumer = kafka
        .client_config()
        .set("group.id", "bench-unused")
        .set("isolation.level", "read_committed")
        .create()?;
    let mut ends = TopicPartitionList::new();
    for partition in 0..catalog_schemas::PRODUCT.partitions {
        let found = outcomes.fetch_watermarks(topics.outcomes(), partition, load::PATIENCE)?;
        ends.add_partition_offset(topics.outcomes(), partition, Offset::Offset(found.1))?;
    }
    outcomes.assign(&ends)?;
    let producer: ThreadedProducer<DefaultProducerContext> = kafka
        .client_config()
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()?;
    let count = usize::try_from(options.rate * options.seconds)?;
    let (mut sent, mut found) = (HashMap::new(), Vec::with_capacity(count));
    let (begin, mut random) = (Instant::now(), rand::rng());
    while found.len() < count {
        let number = u32::try_from(sent.len())?;
        let due = begin + Duration::from_secs(1) * number / options.rate;
        if sent.len() < count && due <= Instant::now() {
            let number = options.aggregates + sent.len();
            let product = product(random.random_range(0..options.aggregates));
            let appended = Appended::of(
                &schemas,
                &catalog_schemas::PRODUCT,
                product,
                &command(product, number, options.aggregates),
            )?;
            // From the time at which it was due: a late sender must not hide a wait.
            sent.insert(appended.operation, due);
            let record = appended.record(topics.commands());
            producer.send(record).map_err(|(error, _)| error)?;
            continue;
        }
        if let Some(message) = outcomes.poll(Duration::from_micros(200)) {
            let operation = Record::from(&message?).operation();
            let due = sent
                .get(&operation)
                .context("an outcome of another command")?;
            found.push(due.elapsed());
        }
    }
    producer.flush(load::PATIENCE)?;
    Ok(found)
}
