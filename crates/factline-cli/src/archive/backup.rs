//! `factline backup`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use clap::Args;
use factline::Contract;
use factline_kafka::records::framing;
use factline_kafka::records::registry::Error as RegistryError;
use factline_kafka::tools::backlog::Backlogs;
use factline_kafka::tools::groups;
use factline_kafka::tools::topic_reader::{Next, Range, Reader};
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::watermarks::Bounds;
use factline_kafka::{KafkaConfig, Registry};
use serde_json::json;

use super::stopped::{Wait, stopped};
use super::topic_file::Writer;
use super::{AggregateFiles, FORMAT, GroupOffsets, Kind, Manifest, Schema};
use crate::aggregates::Aggregates;
use crate::dead_letters::open_letters;
use crate::output::{Output, Row};
use crate::progress::during;

/// Writes the log to a folder: events, outcomes, undecided commands, dead letters, schemas
#[derive(Debug, Args)]
#[command(
    after_help = "The command handlers must be stopped, because a backup has events and outcomes of one moment. Clients can \
                  go on sending commands. Views are not in the backup: they are rebuilt from the events.\n\nExample:\n  \
                  factline backup /var/backups/factline-2026-03-01"
)]
pub(crate) struct Options {
    /// The folder, which must not exist
    folder: PathBuf,
    #[command(flatten)]
    wait: Wait,
}

pub(super) const HEADING: [&str; 5] = [
    "aggregate",
    "commands",
    "events",
    "outcomes",
    "dead letters",
];

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let contracts = aggregates.contracts()?;
    let folder = &options.folder;
    fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let saved = save(&options, contracts, kafka).await;
    if saved.is_err() {
        // A part of a backup is of no use. The first failure matters more than a second one.
        let _ = fs::remove_dir_all(folder);
    }
    output.table(&HEADING, &rows(&saved?))
}

async fn save(
    options: &Options,
    contracts: Vec<&'static Contract>,
    kafka: &KafkaConfig,
) -> Result<Manifest> {
    let folder = &options.folder;
    // The backup has the offsets of policies, which have passed their parked facts.
    for (group, parked) in open_letters(kafka).await? {
        ensure!(
            parked == 0,
            "{group} has {parked} parked facts, which a backup does not contain: redrive or discard \
             them first, see `factline dead-letters list {group}`"
        );
    }
    let reading = {
        let (folder, kafka) = (folder.clone(), kafka.clone());
        let wait = options.wait.time();
        tokio::task::spawn_blocking(move || read(&kafka, &contracts, &folder, wait))
    };
    let (mut manifest, used) = during("reading", reading).await??;
    manifest.schemas = schemas(&Registry::of(kafka), used).await?;
    manifest.write(folder)?;
    Ok(manifest)
}

/// The topics that have values of a schema, by the schema's id.
type Used = BTreeMap<i32, BTreeSet<(String, Kind)>>;

fn read(
    kafka: &KafkaConfig,
    contracts: &[&'static Contract],
    folder: &Path,
    wait: Duration,
) -> Result<(Manifest, Used)> {
    let handlers = contracts.iter().map(|contract| kafka.topics(contract));
    let handlers: Vec<String> = handlers.map(|it| it.handler_group().to_owned()).collect();
    let groups = stopped(kafka, wait, |group| handlers.contains(&group.name))?;
    let backlogs = Backlogs::new(kafka)?;
    let before = ends(kafka, contracts, &backlogs)?;
    // Before the commands: a policy that goes on meanwhile has then sent each command that its
    // offsets say it has. It may send some again, and they are recognized by their ids.
    let keys: Vec<TopicPartition> = before.keys().cloned().collect();
    let mut reached = BTreeMap::new();
    for group in &groups {
        reached.insert(
            group.name.clone(),
            groups::committed(kafka, &group.name, &keys)?,
        );
    }
    let mut manifest = Manifest {
        format: FORMAT,
        taken_at: Utc::now(),
        aggregates: Vec::new(),
        schemas: Vec::new(),
        groups: Vec::new(),
    };
    let mut used = Used::new();
    for contract in contracts {
        let mut files = AggregateFiles {
            aggregate: contract.aggregate.to_owned(),
            partitions: contract.partitions,
            topics: BTreeMap::new(),
        };
        for kind in Kind::ALL {
            let mut copy = Copy {
                kafka,
                contract,
                kind,
                reached: &reached,
                used: &mut used,
                groups: &mut manifest.groups,
            };
            files.topics.insert(kind, copy.run(folder)?);
        }
        manifest.aggregates.push(files);
    }
    let after = ends(kafka, contracts, &backlogs)?;
    for (key, (_, end)) in &before {
        let now = after.get(key).map(|(_, end)| *end);
        let is_of_commands = contracts
            .iter()
            .any(|contract| kafka.topics(contract).commands() == key.0);
        ensure!(
            is_of_commands || now == Some(*end),
            "{}/{} has changed during the backup: a command handler runs, or a transaction was \
             open; run the backup again",
            key.0,
            key.1
        );
    }
    Ok((manifest, used))
}

fn ends(
    kafka: &KafkaConfig,
    contracts: &[&'static Contract],
    backlogs: &Backlogs,
) -> Result<Bounds> {
    let mut ends = Bounds::new();
    for contract in contracts {
        let topics = kafka.topics(contract);
        for kind in Kind::ALL {
            let topic = kind.of(&topics);
            let bounds = backlogs.bounds(topic)?;
            ends.extend(bounds.with_context(|| format!("topic {topic} does not exist"))?);
        }
    }
    Ok(ends)
}

/// Copies one topic to its file.
struct Copy<'a> {
    kafka: &'a KafkaConfig,
    contract: &'static Contract,
    kind: Kind,
    /// Committed offsets by group.
    reached: &'a BTreeMap<String, BTreeMap<TopicPartition, i64>>,
    used: &'a mut Used,
    groups: &'a mut Vec<GroupOffsets>,
}

impl Copy<'_> {
    fn run(&mut self, folder: &Path) -> Result<super::TopicFile> {
        let topics = self.kafka.topics(self.contract);
        let topic = self.kind.of(&topics);
        let handlers = topics.handler_group();
        let decided = self.reached.get(handlers);
        // Counts of the records below each group's offsets.
        let mut counts: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
        for (group, offsets) in self.reached.iter().filter(|(group, _)| *group != handlers) {
            for (_, partition) in offsets.keys().filter(|(name, _)| name == topic) {
                counts.entry(group).or_default().insert(*partition, 0);
            }
        }
        let mut writer = Writer::create(folder, self.kind.file(self.contract))?;
        let mut reader = Reader::open(self.kafka, topic, &Range::default())?;
        loop {
            let record = match reader.next(Duration::from_millis(200))? {
                Next::Record(record) => record,
                Next::Nothing => continue,
                Next::End => break,
            };
            let key = (topic.to_owned(), record.partition);
            if self.kind == Kind::Commands {
                let next = decided.and_then(|decided| decided.get(&key));
                let next = next.with_context(|| {
                    format!(
                        "group {handlers} has no offset of {topic}/{}",
                        record.partition
                    )
                })?;
                if record.offset < *next {
                    continue;
                }
            }
            for (group, counts) in &mut counts {
                let offset = self
                    .reached
                    .get(*group)
                    .and_then(|offsets| offsets.get(&key));
                if let (Some(count), Some(offset)) = (counts.get_mut(&key.1), offset)
                    && record.offset < *offset
                {
                    *count += 1;
                }
            }
            if let Some(Ok((id, _))) = record.value.as_deref().map(framing::read) {
                let topic = (self.contract.aggregate.to_owned(), self.kind);
                self.used.entry(id).or_default().insert(topic);
            }
            writer.write(&record)?;
        }
        for (group, records) in counts {
            let prefix = &self.kafka.topic_prefix;
            self.groups.push(GroupOffsets {
                group: group.strip_prefix(prefix).unwrap_or(group).to_owned(),
                aggregate: self.contract.aggregate.to_owned(),
                kind: self.kind,
                records,
            });
        }
        writer.finish()
    }
}

/// Reads the schemas. A value that only looks like one of a schema has no schema.
async fn schemas(registry: &Registry, used: Used) -> Result<Vec<Schema>> {
    let mut schemas = Vec::new();
    for (id, topics) in used {
        match registry.schema(id).await {
            Ok(text) => schemas.push(Schema {
                id,
                text,
                topics: topics.into_iter().collect(),
            }),
            Err(RegistryError::UnknownId { .. }) => {
                eprintln!("the registry has no schema {id}: its records are kept as they are");
            }
            Err(error) => return Err(error).context("cannot read a schema"),
        }
    }
    Ok(schemas)
}

/// Returns the numbers of records.
pub(super) fn rows(manifest: &Manifest) -> Vec<Row> {
    let rows = manifest.aggregates.iter().map(|files| {
        let count = |kind: Kind| files.topics.get(&kind).map_or(0, |file| file.records);
        let counts = Kind::ALL.map(count);
        let value = json!({
            "aggregate": files.aggregate, "commands": counts[0], "events": counts[1],
            "outcomes": counts[2], "dead_letters": counts[3],
        });
        let counts = counts.into_iter().map(|count| count.to_string());
        let cells = std::iter::once(files.aggregate.clone()).chain(counts);
        (value, cells.collect())
    });
    rows.collect()
}
