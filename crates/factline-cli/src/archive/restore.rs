//! `factline restore`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use factline::Contract;
use factline_kafka::records::framing;
use factline_kafka::tools::backlog::Backlogs;
use factline_kafka::tools::groups;
use factline_kafka::tools::topic_writer::TopicWriter;
use factline_kafka::topics::{TopicPartition, provision, subject};
use factline_kafka::{KafkaConfig, Registry, Topics};

use super::backup::{HEADING, rows};
use super::stopped::{Wait, stopped};
use super::{Kind, Manifest, topic_file};
use crate::aggregates::Aggregates;
use crate::output::Output;
use crate::progress::during;

/// Writes a backup into an installation without records
#[derive(Debug, Args)]
#[command(
    after_help = "All processes that read Kafka must be stopped. The topics must be empty, or must not exist: then they are \
                  created. Run the jobs and start the processes afterwards. They rebuild all views.\n\nExample:\n  \
                  factline restore /var/backups/factline-2026-03-01"
)]
pub(crate) struct Options {
    /// The folder of the backup
    folder: PathBuf,
    /// Replication factor of new topics; without it, the cluster's default
    #[arg(long, env = "FACTLINE_REPLICATION_FACTOR")]
    replication_factor: Option<i32>,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let manifest = Manifest::read(&options.folder)?;
    let contracts = contracts(&manifest, aggregates)?;
    for file in manifest
        .aggregates
        .iter()
        .flat_map(|files| files.topics.values())
    {
        topic_file::check(&options.folder, file)?;
    }
    for contract in &contracts {
        let replication = options.replication_factor;
        provision::provision(kafka, contract, replication)
            .await
            .with_context(|| format!("cannot create the topics of {}", contract.aggregate))?;
    }
    let checking = {
        let (kafka, contracts) = (kafka.clone(), contracts.clone());
        let wait = options.wait.time();
        tokio::task::spawn_blocking(move || check_empty(&kafka, &contracts, wait))
    };
    during("checking", checking).await??;
    let ids = register(kafka, &manifest).await?;
    let writing = {
        let kafka = kafka.clone();
        tokio::task::spawn_blocking(move || {
            write(&kafka, &options.folder, &manifest, &contracts, &ids)?;
            Ok::<_, anyhow::Error>(manifest)
        })
    };
    let manifest = during("writing", writing).await??;
    output.table(&HEADING, &rows(&manifest))
}

/// Returns the contract of each aggregate of the backup.
fn contracts(manifest: &Manifest, aggregates: &Aggregates) -> Result<Vec<&'static Contract>> {
    let contracts = manifest.aggregates.iter().map(|files| {
        let contract = aggregates.of_type(&files.aggregate)?.contract;
        ensure!(
            contract.partitions == files.partitions,
            "the backup of {} has {} partitions, and the contract requires {}",
            files.aggregate,
            files.partitions,
            contract.partitions
        );
        Ok(contract)
    });
    contracts.collect()
}

/// Checks that no record and no process would be disturbed.
fn check_empty(kafka: &KafkaConfig, contracts: &[&'static Contract], wait: Duration) -> Result<()> {
    stopped(kafka, wait, |_| true)?;
    let backlogs = Backlogs::new(kafka)?;
    for contract in contracts {
        let topics = kafka.topics(contract);
        let kinds = Kind::ALL.map(|kind| kind.of(&topics));
        for topic in kinds.into_iter().chain([topics.snapshots()]) {
            let bounds = backlogs.bounds(topic)?.unwrap_or_default();
            ensure!(
                bounds.values().all(|(_, end)| *end == 0),
                "topic {topic} has records: restore into empty topics, or under another topic prefix"
            );
        }
    }
    Ok(())
}

/// Registers the schemas, oldest first. Returns the ids of this registry by those of the backup.
async fn register(kafka: &KafkaConfig, manifest: &Manifest) -> Result<BTreeMap<i32, i32>> {
    let registry = Registry::of(kafka);
    let mut ids = BTreeMap::new();
    for schema in &manifest.schemas {
        let name = record_name(&schema.text)
            .with_context(|| format!("schema {} of the backup names no record", schema.id))?;
        for (aggregate, kind) in &schema.topics {
            // A dead letter has the value of its command.
            let kind = match kind {
                Kind::DeadLetters => Kind::Commands,
                kind => *kind,
            };
            let topics = Topics::new(&kafka.topic_prefix, aggregate);
            let subject = subject(kind.of(&topics), &name);
            let id = registry.register_schema(&subject, &schema.text).await;
            let id = id.with_context(|| format!("cannot register {subject}"))?;
            ids.insert(schema.id, id);
        }
    }
    Ok(ids)
}

/// Returns the full name of a schema's record.
pub(crate) fn record_name(schema: &str) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(schema).ok()?;
    let name = schema["name"].as_str()?;
    match schema["namespace"].as_str() {
        Some(namespace) if !name.contains('.') => Some(format!("{namespace}.{name}")),
        _ => Some(name.to_owned()),
    }
}

/// Writes all records, then the offsets of the groups. The handlers' offsets are already 0, because
/// the commands are those that are not decided.
fn write(
    kafka: &KafkaConfig,
    folder: &Path,
    manifest: &Manifest,
    contracts: &[&'static Contract],
    ids: &BTreeMap<i32, i32>,
) -> Result<()> {
    let writer = TopicWriter::new(kafka).context("cannot create a producer")?;
    for (files, contract) in manifest.aggregates.iter().zip(contracts) {
        let topics = kafka.topics(contract);
        for (kind, file) in &files.topics {
            let topic = kind.of(&topics);
            topic_file::each(folder, file, topic, |mut record| {
                if let Some(value) = &mut record.value
                    && let Ok((id, datum)) = framing::read(value)
                    && let Some(id) = ids.get(&id)
                {
                    *value = framing::write(*id, datum);
                }
                let written = writer.write(&record);
                written.with_context(|| format!("cannot write to {topic}"))
            })?;
        }
    }
    writer.finish().context("cannot write all records")?;
    let mut offsets: BTreeMap<String, BTreeMap<TopicPartition, i64>> = BTreeMap::new();
    for group in &manifest.groups {
        let topics = Topics::new(&kafka.topic_prefix, &group.aggregate);
        let places = offsets
            .entry(format!("{}{}", kafka.topic_prefix, group.group))
            .or_default();
        for (partition, records) in &group.records {
            places.insert((group.kind.of(&topics).to_owned(), *partition), *records);
        }
    }
    for (group, offsets) in offsets {
        groups::commit(kafka, &group, &offsets)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_name_has_its_namespace() {
        let name = |schema: &str| record_name(schema);
        let full = Some("people.Greet".to_owned());
        assert_eq!(name(r#"{"name":"Greet","namespace":"people"}"#), full);
        assert_eq!(name(r#"{"name":"people.Greet","namespace":"x"}"#), full);
        assert_eq!(name(r#""string""#), None);
    }
}
