//! `factline events`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use factline_kafka::tools::topic_reader::Next;
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::output::Output;
use crate::progress::Progress;
use crate::render;
use crate::selection::Selection;

/// Shows events, decoded with the schemas that wrote them, in order within each partition
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline events ordering.order --since 15m\n  \
                        factline events ordering.order --key 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11\n  \
                        factline events ordering.order --since 2026-03-01 --until 2026-03-02 --format json | jq .data\n  \
                        factline events ordering.order --follow"
)]
pub(crate) struct Options {
    /// Aggregate type, such as ordering.order
    aggregate: String,
    #[command(flatten)]
    selection: Selection,
    /// Continue with new events until interrupted
    #[arg(long, conflicts_with = "until")]
    follow: bool,
}

pub(crate) async fn run(options: Options, kafka: &KafkaConfig, output: &Output) -> Result<()> {
    let registry = Registry::of(kafka);
    let (sender, mut records) = mpsc::channel(256);
    let kafka = kafka.clone();
    let reading = tokio::task::spawn_blocking(move || read(&options, &kafka, &sender));
    print(&registry, &mut records, output).await?;
    // If the receiver is closed, printing has failed and has returned the error.
    drop(records);
    reading.await?
}

enum Read {
    Total(u64),
    Record(Box<Record>),
    Passed,
}

async fn print(registry: &Registry, records: &mut Receiver<Read>, output: &Output) -> Result<()> {
    let mut progress = Progress::new("events", 0);
    let mut is_first = true;
    while let Some(read) = records.recv().await {
        match read {
            Read::Total(total) => progress = Progress::new("events", total),
            Read::Passed => progress.step(),
            Read::Record(record) => {
                let place = record.place();
                let shown = render::record(registry, &record).await.context(place)?;
                let row = render::row(shown);
                progress.step();
                progress.beside(|| {
                    if is_first {
                        output.heading(&render::HEADING, &row.1)?;
                    }
                    output.line(&row)
                })?;
                is_first = false;
            }
        }
    }
    if is_first {
        output.heading(&render::HEADING, &[])?;
    }
    Ok(())
}

fn read(options: &Options, kafka: &KafkaConfig, sender: &Sender<Read>) -> Result<()> {
    let topics = Topics::new(&kafka.topic_prefix, &options.aggregate);
    let topic = topics.events();
    let selection = &options.selection;
    let partition = selection.partition(kafka, topic)?;
    let mut reader = selection.open(kafka, topic, partition, options.follow)?;
    let send = |read| sender.blocking_send(read).is_ok();
    if !options.follow && !send(Read::Total(reader.total())) {
        return Ok(());
    }
    loop {
        let read = match reader.next(Duration::from_millis(200))? {
            Next::End => return Ok(()),
            Next::Nothing if sender.is_closed() => return Ok(()),
            Next::Nothing => continue,
            Next::Record(record) if selection.has(&record) => Read::Record(record),
            Next::Record(_) => Read::Passed,
        };
        if !send(read) {
            return Ok(());
        }
    }
}
