//! `factline export`.

mod avro_files;
mod json_lines;
mod unfinished;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use factline_kafka::tools::topic_reader::{Next, partitions};
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver, Sender};

use self::avro_files::AvroFiles;
use self::json_lines::JsonLines;
use crate::output::{Output, Row};
use crate::progress::Progress;
use crate::selection::Selection;

/// Writes events, or the records of another topic, to files for other programs
#[derive(Debug, Args)]
#[command(
    after_help = "Each record has its envelope, and its value decoded with the schema that wrote it. Records are in the \
                  order of partitions and offsets, so that two exports of the same records are equal. A file appears \
                  under its name when it is complete.\n\n\
                  JSON lines have a record that cannot be decoded with its bytes. Avro container files have the records \
                  of one schema each: --to FILE.avro takes one schema, and --to FOLDER has a file for each, named by \
                  the record and the id of the schema. A record that cannot be decoded is an error there.\n\nExamples:\n  \
                  factline export ordering.order --to orders.jsonl\n  \
                  factline export ordering.order --since 2026-03-01 --until 2026-04-01 --format-file avro --to march\n  \
                  factline export ordering.order --record ordering.OrderPlaced --format-file avro --to placed.avro\n  \
                  factline export ordering.order.outcomes --key 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 --to outcomes.jsonl"
)]
pub(crate) struct Options {
    /// Aggregate type, such as ordering.order, for its events; or a topic, such as
    /// ordering.order.commands
    #[arg(value_name = "X")]
    source: String,
    #[command(flatten)]
    selection: Selection,
    /// Only records of this type, such as ordering.OrderPlaced
    #[arg(long, value_name = "RECORD")]
    record: Option<String>,
    /// The file or folder to write, which must not exist
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// The format of the files
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = FileFormat::Jsonl)]
    format_file: FileFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// One JSON object per line
    Jsonl,
    /// Avro object container files, compressed by deflate
    Avro,
}

/// A file that was written.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    /// The type of its records; none if there may be several.
    record: Option<String>,
    records: u64,
    undecodable: u64,
}

/// The files that are written.
enum Files {
    Lines(JsonLines),
    Avro(AvroFiles),
}

pub(crate) async fn run(options: Options, kafka: &KafkaConfig, output: &Output) -> Result<()> {
    let registry = Registry::of(kafka);
    let mut files = match options.format_file {
        FileFormat::Jsonl => Files::Lines(JsonLines::create(&options.to)?),
        FileFormat::Avro => Files::Avro(AvroFiles::create(&options.to)?),
    };
    let (sender, mut records) = mpsc::channel(256);
    let (topic, kafka) = (topic(&options.source, kafka), kafka.clone());
    let reading = tokio::task::spawn_blocking(move || read(&options, &kafka, &topic, &sender));
    let written = files.write_all(&registry, &mut records).await;
    // If the receiver is closed, writing has failed, and that error is returned.
    drop(records);
    let read = reading.await?;
    written?;
    read?;
    let rows: Vec<Row> = files.finish()?.iter().map(Written::row).collect();
    output.table(&["file", "type", "records", "undecodable"], &rows)
}

/// Returns the topic that is named, or the topic of an aggregate type's events. The prefix may be
/// left out.
fn topic(source: &str, kafka: &KafkaConfig) -> String {
    let prefix = &kafka.topic_prefix;
    let bare = source.strip_prefix(prefix.as_str()).unwrap_or(source);
    let is_topic = ["commands", "events", "outcomes", "dead-letters"]
        .iter()
        .any(|kind| bare.rsplit_once('.').is_some_and(|(_, last)| last == *kind));
    if is_topic {
        format!("{prefix}{bare}")
    } else {
        Topics::new(prefix, bare).events().to_owned()
    }
}

enum Read {
    Total(u64),
    Record(Box<Record>),
    Passed,
}

/// Reads one partition after the other.
fn read(options: &Options, kafka: &KafkaConfig, topic: &str, sender: &Sender<Read>) -> Result<()> {
    let selection = &options.selection;
    let chosen = match selection.partition(kafka, topic)? {
        Some(partition) => partition..partition + 1,
        None => 0..partitions(kafka, topic)?,
    };
    for partition in chosen {
        let mut reader = selection.open(kafka, topic, Some(partition), false)?;
        if sender.blocking_send(Read::Total(reader.total())).is_err() {
            return Ok(());
        }
        loop {
            let read = match reader.next(Duration::from_millis(200))? {
                Next::End => break,
                Next::Nothing => continue,
                Next::Record(record) if selection.has(&record) && is_wanted(options, &record) => {
                    Read::Record(record)
                }
                Next::Record(_) => Read::Passed,
            };
            if sender.blocking_send(read).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn is_wanted(options: &Options, record: &Record) -> bool {
    match &options.record {
        Some(wanted) => record.headers.last("ce_type") == Some(wanted.as_bytes()),
        None => true,
    }
}

impl Files {
    async fn write_all(&mut self, registry: &Registry, records: &mut Receiver<Read>) -> Result<()> {
        let (mut done, mut total) = (0, 0);
        let mut progress = Progress::new("records", 0);
        while let Some(read) = records.recv().await {
            match read {
                Read::Total(more) => total += more,
                Read::Passed => done += 1,
                Read::Record(record) => {
                    done += 1;
                    match self {
                        Self::Lines(lines) => lines.write(registry, &record).await?,
                        Self::Avro(files) => files.write(registry, &record).await?,
                    }
                }
            }
            progress.reach(done, total);
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Written>> {
        match self {
            Self::Lines(lines) => Ok(vec![lines.finish()?]),
            Self::Avro(files) => files.finish(),
        }
    }
}

impl Written {
    fn row(&self) -> Row {
        let path = self.path.display().to_string();
        let value = json!({
            "file": path, "type": self.record, "records": self.records,
            "undecodable": self.undecodable,
        });
        let cells = vec![
            path,
            self.record.clone().unwrap_or_else(|| "-".to_owned()),
            self.records.to_string(),
            self.undecodable.to_string(),
        ];
        (value, cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_an_aggregate_type_or_a_topic() {
        let kafka = KafkaConfig {
            topic_prefix: "a.".to_owned(),
            ..KafkaConfig::default()
        };
        for (source, expected) in [
            ("shop.order", "a.shop.order.events"),
            ("shop.order.outcomes", "a.shop.order.outcomes"),
            ("a.shop.order.dead-letters", "a.shop.order.dead-letters"),
        ] {
            assert_eq!(topic(source, &kafka), expected);
        }
    }
}
