//! A backfill of events: `factline import`.
//!
//! - `line`: an event of the file, as JSON
//! - `history`: the versions, numbers and times of events, checked and completed
//! - `written`: the events that an earlier run has written

mod history;
mod line;
mod written;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use factline::Contract;
use factline_kafka::records::framing;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::tools::groups;
use factline_kafka::tools::partition_scan::Extents;
use factline_kafka::tools::topic_writer::TopicWriter;
use factline_kafka::topics::TopicPartition;
use factline_kafka::{KafkaConfig, Record, Registry};
use serde_json::json;

use self::history::History;
use self::line::Line;
use self::written::Written;
use crate::aggregates::Aggregates;
use crate::archive::stopped::{Wait, stopped};
use crate::json_value;
use crate::output::Output;
use crate::progress::{Progress, during};

/// Writes events of the past from a file into the topic of an aggregate type
#[derive(Debug, Args)]
#[command(
    after_help = "The file has a JSON object per line, in the form of `factline export`, or as \
                  {\"key\": ID, \"type\": RECORD, \"time\": INSTANT, \"data\": {…}}, with \"actor\" if it is known. \
                  Versions, ids and operations are derived if they are missing, and checked if not. Within a partition, \
                  times must not run backwards: sort the file by time.\n\n\
                  The whole file is checked before the first event is written. The aggregate type must have no other \
                  events and no outcomes, and all processes that read the topic by a group must be stopped: their \
                  offsets are moved past the import, so that policies do not react to the past. Views read it. Run a \
                  killed import again: it goes on.\n\nExamples:\n  \
                  factline import ordering.order --from purchases.jsonl\n  \
                  factline import ordering.order --from orders.jsonl --check"
)]
pub(crate) struct Options {
    /// Aggregate type, such as ordering.order
    #[arg(value_name = "X")]
    aggregate: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Check the file, and write nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let contract = aggregates.of_type(&options.aggregate)?.contract;
    let topics = kafka.topics(contract);
    let registry = Registry::of(kafka);
    let schemas = registry.register_all(topics.events(), contract.events);
    let schemas = schemas.await.context("cannot register the schemas")?;
    let import = Import {
        kafka: kafka.clone(),
        contract,
        schemas,
        options,
    };
    let importing = tokio::task::spawn_blocking(move || import.run());
    let done = during("checking", importing).await??;
    let value = json!({
        "aggregate": done.aggregate, "events": done.events, "aggregates": done.aggregates,
        "written": done.written,
    });
    let cells = vec![
        done.aggregate.to_owned(),
        done.events.to_string(),
        done.aggregates.to_string(),
        done.written.to_string(),
    ];
    output.table(
        &["aggregate", "events", "aggregates", "written"],
        &[(value, cells)],
    )
}

/// Numbers of an import.
struct Done {
    aggregate: &'static str,
    events: u64,
    aggregates: usize,
    written: u64,
}

/// An import. Its calls block.
struct Import {
    kafka: KafkaConfig,
    contract: &'static Contract,
    schemas: SchemaIds,
    options: Options,
}

impl Import {
    fn run(&self) -> Result<Done> {
        let topics = self.kafka.topics(self.contract);
        let extents = Extents::new(&self.kafka)?;
        let partitions = i32::try_from(extents.of(topics.events())?.len()).unwrap_or_default();
        ensure!(
            partitions == self.contract.partitions,
            "topic {} has {partitions} partitions, and the contract requires {}",
            topics.events(),
            self.contract.partitions
        );
        let mut written = Written::read(&self.kafka, &extents, topics.events())?;
        let (mut events, mut new) = (0, 0);
        let history = self.each(|record| {
            events += 1;
            if !written.is_next(&record)? {
                new += 1;
            }
            Ok(())
        })?;
        let done = |written| Done {
            aggregate: self.contract.aggregate,
            events,
            aggregates: history.aggregates(),
            written,
        };
        let outcomes = extents.of(topics.outcomes())?;
        let is_in_use = outcomes.values().any(|(_, end)| *end > 0);
        if self.options.check || (new == 0 && is_in_use) {
            return Ok(done(0));
        }
        written.check_all()?;
        for topic in [topics.outcomes(), topics.snapshots()] {
            let ends = extents.of(topic)?;
            ensure!(
                ends.values().all(|(_, end)| *end == 0),
                "topic {topic} has records: events of the past must come before the first command \
                 is decided"
            );
        }
        let readers = self.readers(topics.events(), &extents)?;
        let mut written = Written::read(&self.kafka, &extents, topics.events())?;
        let writer = TopicWriter::new(&self.kafka).context("cannot create a producer")?;
        let mut progress = Progress::new("events", events);
        self.each(|record| {
            progress.step();
            if written.is_next(&record)? {
                return Ok(());
            }
            let place = topics.events();
            writer
                .write(&record)
                .with_context(|| format!("cannot write to {place}"))
        })?;
        writer.finish().context("cannot write all events")?;
        let ends = extents.of(topics.events())?;
        for (group, places) in readers {
            let moved = places.into_keys().map(|key| {
                let (_, end) = ends.get(&key.1).copied().unwrap_or_default();
                (key, end)
            });
            groups::commit(&self.kafka, &group, &moved.collect())?;
        }
        Ok(done(new))
    }

    /// Calls `then` with each event of the file, checked and completed.
    fn each(&self, mut then: impl FnMut(Record) -> Result<()>) -> Result<History> {
        let path = &self.options.from;
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut history = History::new(self.contract, self.kafka.topics(self.contract).events());
        for (number, line) in (1..).zip(BufReader::new(file).lines()) {
            let place = || format!("{} line {number}", path.display());
            let line = line.with_context(place)?;
            let line: Line = serde_json::from_str(&line).with_context(place)?;
            let value = self.value(&line).with_context(place)?;
            let record = history.next(&line, value).with_context(place)?;
            then(record).with_context(place)?;
        }
        Ok(history)
    }

    /// Encodes the data of an event.
    fn value(&self, line: &Line) -> Result<Vec<u8>> {
        let (id, codec) = self.schemas.get(&line.record).with_context(|| {
            format!(
                "{} is not an event of {}",
                line.record, self.contract.aggregate
            )
        })?;
        if let Some(field) = json_value::id_field(codec) {
            ensure!(
                line.data[field].as_str() == Some(&line.key),
                "field {field} is not the key {}",
                line.key
            );
        }
        Ok(framing::write(id, &json_value::encode(codec, &line.data)?))
    }

    /// Returns the groups that read the topic. All of them must be stopped, and must have read it
    /// to its end.
    fn readers(
        &self,
        topic: &str,
        extents: &Extents,
    ) -> Result<BTreeMap<String, BTreeMap<TopicPartition, i64>>> {
        let handlers = self.kafka.topics(self.contract).handler_group().to_owned();
        let keys: Vec<TopicPartition> = (0..self.contract.partitions)
            .map(|partition| (topic.to_owned(), partition))
            .collect();
        let reads = |group: &groups::Group| {
            let mut members = group.members.iter();
            group.name == handlers
                || members.any(|it| it.partitions.iter().any(|(name, _)| name == topic))
        };
        let groups = stopped(&self.kafka, self.options.wait.time(), reads)?;
        let ends = extents.of(topic)?;
        let mut readers = BTreeMap::new();
        for group in groups {
            let places = groups::committed(&self.kafka, &group.name, &keys)?;
            for ((_, partition), next) in &places {
                let (_, end) = ends.get(partition).copied().unwrap_or_default();
                // A killed import has written events that no group has read.
                ensure!(
                    *next == 0 || *next == end,
                    "group {} is at offset {next} of {topic}/{partition}, which ends at {end}: start \
                     it until it has caught up, then stop it again",
                    group.name
                );
            }
            if !places.is_empty() {
                readers.insert(group.name, places);
            }
        }
        Ok(readers)
    }
}
