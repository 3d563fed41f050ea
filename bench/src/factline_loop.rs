//! The command handler, in this process.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use catalog::Product;
use clap::Parser as _;
use factline_handler::Report;
use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cpu::Cpu;
use crate::transactions::Transactions;
use crate::{Passed, load, memory};

/// Poll interval of the progress.
const LOOK: Duration = Duration::from_millis(20);

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: factline_handler::Options,
}

/// The commands and the handler that decides them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) commands: usize,
    /// The first commands create this many aggregates, and the others change their prices.
    pub(crate) aggregates: usize,
    /// Maximum number of commands in a transaction.
    pub(crate) max_batch: u32,
    /// Commands per second while the handler runs; 0 appends all of them before.
    pub(crate) rate: u32,
    /// Workers of the handler.
    pub(crate) workers: u32,
    /// Memory limit of the process in mebibytes; the default is that of the system.
    pub(crate) memory_mb: Option<u32>,
}

impl Setup {
    /// Returns commands that are appended before, for a benchmark of what follows.
    pub(crate) fn once(commands: usize, aggregates: usize) -> Self {
        Self {
            commands,
            aggregates,
            max_batch: 1000,
            rate: 0,
            workers: 1,
            memory_mb: None,
        }
    }
}

pub(crate) struct Running {
    ready: Arc<Mutex<bool>>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), factline_handler::Error>>,
}

/// The cost of a restart.
pub(crate) struct Restart {
    pub(crate) seconds: f64,
    /// MiB resident after the restart.
    pub(crate) memory: u64,
}

pub(crate) fn start(kafka: &KafkaConfig, setup: &Setup) -> Running {
    let Flags { mut handler } = Flags::parse_from(["bench"]);
    handler.max_batch = setup.max_batch;
    handler.workers = setup.workers;
    handler.memory_mb = setup.memory_mb;
    let ready = Arc::new(Mutex::new(false));
    let reported = Arc::clone(&ready);
    let report: Report = Arc::new(move |_, state| {
        if let Ok(mut ready) = reported.lock() {
            *ready = state.is_ok();
        }
    });
    let stop = CancellationToken::new();
    let task = tokio::spawn(factline_handler::run::<Product>(
        kafka.clone(),
        handler,
        report,
        stop.clone(),
    ));
    Running { ready, stop, task }
}

impl Running {
    pub(crate) async fn ready(&self) {
        while !self.ready.lock().is_ok_and(|ready| *ready) {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

/// Measures the commands decided, from the handler's readiness on. With a rate, the cost of each
/// includes the append.
pub(crate) async fn handle(kafka: &KafkaConfig, setup: &Setup) -> Result<Passed> {
    let commands = setup.commands;
    let group = kafka
        .topics(&catalog_schemas::PRODUCT)
        .handler_group()
        .to_owned();
    let watcher: BaseConsumer = kafka.client_config().set("group.id", group).create()?;
    let append = load::append(kafka, commands, setup.aggregates, setup.rate);
    if setup.rate == 0 {
        append.await?;
        let running = start(kafka, setup);
        return handled_by(running, kafka, (&watcher, commands), async { Ok(()) }).await;
    }
    handled_by(start(kafka, setup), kafka, (&watcher, commands), append).await
}

async fn handled_by(
    running: Running,
    kafka: &KafkaConfig,
    (watcher, commands): (&BaseConsumer, usize),
    meanwhile: impl Future<Output = Result<()>>,
) -> Result<Passed> {
    running.ready().await;
    let (already, before) = (handled(kafka, watcher)?, Transactions::so_far());
    let (begin, spent) = (Instant::now(), Cpu::spent());
    meanwhile.await?;
    while handled(kafka, watcher)? < commands {
        tokio::time::sleep(LOOK).await;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let commands = f64::from(u32::try_from(commands - already)?);
    let each = Cpu::each(spent, commands);
    let transactions = Transactions::so_far().since(before);
    running.stop().await?;
    Ok(Passed {
        rate: commands / seconds,
        each,
        waited: transactions.waited / transactions.count,
        batch: commands / transactions.count,
    })
}

/// Measures the time from the start of a handler until it is ready.
pub(crate) async fn restart(kafka: &KafkaConfig, setup: &Setup) -> Result<Restart> {
    let begin = Instant::now();
    let running = start(kafka, setup);
    running.ready().await;
    let (seconds, memory) = (begin.elapsed().as_secs_f64(), memory::in_use());
    running.stop().await?;
    Ok(Restart { seconds, memory })
}

/// Returns the group's progress over all partitions.
pub(crate) fn handled(kafka: &KafkaConfig, watcher: &BaseConsumer) -> Result<usize> {
    let topics = kafka.topics(&catalog_schemas::PRODUCT);
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(
        topics.commands(),
        0,
        catalog_schemas::PRODUCT.partitions - 1,
    );
    let answered = watcher
        .committed_offsets(asked, Duration::from_secs(10))
        .context("cannot ask how far the group has come")?;
    let offsets = answered
        .elements()
        .iter()
        .map(|place| match place.offset() {
            Offset::Offset(offset) => usize::try_from(offset).unwrap_or(0),
            _ => 0,
        })
        .sum();
    Ok(offsets)
}
