//! Creates the topics of a copy, and checks that those of an earlier run are the same.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline_kafka::tools::partition_scan::Extents;
use factline_kafka::topics::identity::topic_identities;
use factline_kafka::topics::provision::{self, check_partitions, retry_while_propagating};
use factline_kafka::topics::settings::settings;
use factline_kafka::topics::timestamps;
use factline_kafka::{KafkaConfig, Topics};

use super::filter::Filter;
use super::manifest::{Manifest, SourcePartition, TargetPartition, Topic, TopicCopy};
use crate::archive::Kind;

/// The order of the topics. Commands come last: they are copied when everything is stopped.
const KINDS: [Kind; 4] = [
    Kind::Events,
    Kind::Outcomes,
    Kind::DeadLetters,
    Kind::Commands,
];

/// Numbers of partitions by aggregate type.
pub(super) type Counts = BTreeMap<String, i32>;

/// Returns the numbers of partitions of the source and of the copy, by aggregate type.
///
/// # Errors
/// If a number of the copy is not a multiple of that of the source.
pub(super) fn counts(
    source: &KafkaConfig,
    contracts: &[&'static Contract],
    wanted: &[(String, i32)],
) -> Result<(Counts, Counts)> {
    for (aggregate, _) in wanted {
        ensure!(
            contracts.iter().any(|known| known.aggregate == aggregate),
            "--partitions names the unknown aggregate {aggregate}"
        );
    }
    let extents = Extents::new(source)?;
    let (mut before, mut after) = (Counts::new(), Counts::new());
    for contract in contracts {
        let (aggregate, topics) = (contract.aggregate, source.topics(contract));
        let count = extents.of(topics.events())?.len();
        let count = i32::try_from(count).unwrap_or_default();
        for kind in KINDS {
            check_partitions(source, kind.of(&topics), count)?;
        }
        let number = wanted.iter().rfind(|(name, _)| name == aggregate);
        let number = number.map_or(count, |(_, number)| *number);
        ensure!(
            count > 0 && number % count == 0,
            "{aggregate} has {count} partitions, and {number} is not a multiple: the records of a \
             partition of the copy would come from several partitions, and no reader could go on \
             where it was"
        );
        before.insert(aggregate.to_owned(), count);
        after.insert(aggregate.to_owned(), number);
    }
    Ok((before, after))
}

/// Creates the topics of the copy. First offsets of groups are not committed: a process that is
/// started too early has no place to begin at, and halts.
pub(super) async fn create(
    target: &KafkaConfig,
    contracts: &[&'static Contract],
    replication: Option<i32>,
) -> Result<()> {
    for contract in contracts {
        let contract = target.contract(contract);
        let topics = settings(&contract, &target.topics(&contract));
        let cannot = || format!("cannot create the topics of {}", contract.aggregate);
        let created = provision::create(target, &topics, replication).await;
        created.with_context(cannot)?;
        let (kafka, partitions) = (target.clone(), contract.partitions);
        let names: Vec<String> = topics.map(|settings| settings.topic).into();
        let checking = tokio::task::spawn_blocking(move || {
            names.iter().try_for_each(|topic| {
                retry_while_propagating(|| check_partitions(&kafka, topic, partitions))
            })
        });
        checking.await?.with_context(cannot)?;
        timestamps::check(target, &contract)
            .await
            .with_context(cannot)?;
    }
    Ok(())
}

/// Returns a manifest of a copy without records. Blocks.
///
/// # Errors
/// If a topic of the copy has records.
pub(super) fn manifest(
    source: &KafkaConfig,
    target: &KafkaConfig,
    contracts: &[&'static Contract],
    (before, after): &(Counts, Counts),
    filter: Filter,
) -> Result<Manifest> {
    let extents = Extents::new(target)?;
    let mut copies = Vec::new();
    for contract in contracts {
        let aggregate = contract.aggregate;
        let to = target.topics(contract);
        let is_empty = |topic: &str| -> Result<bool> {
            Ok(extents.of(topic)?.values().all(|(_, end)| *end == 0))
        };
        ensure!(
            is_empty(to.snapshots())?,
            "topic {} has records",
            to.snapshots()
        );
        for kind in KINDS {
            let topic = kind.of(&to);
            ensure!(
                is_empty(topic)?,
                "topic {topic} has records, and the manifest does not exist: choose another prefix, \
                 or the manifest of the copy that was begun there"
            );
            let count = |counts: &Counts| {
                let count = counts.get(aggregate).copied().unwrap_or_default();
                usize::try_from(count).unwrap_or_default()
            };
            copies.push(TopicCopy {
                aggregate: aggregate.to_owned(),
                kind,
                source: unidentified(source, kind, aggregate),
                target: unidentified(target, kind, aggregate),
                source_partitions: vec![SourcePartition::default(); count(before)],
                target_partitions: vec![TargetPartition::default(); count(after)],
            });
        }
    }
    let identities = identities(source, &copies)?;
    for (copy, (source, target)) in copies.iter_mut().zip(identities) {
        (copy.source.identity, copy.target.identity) = (source, target);
    }
    let prefixes = (&source.topic_prefix, &target.topic_prefix);
    Ok(Manifest::new(prefixes.0, prefixes.1, filter, copies))
}

/// Checks that the topics of a manifest are still the same ones, and that it is about the same
/// installations. Blocks.
pub(super) fn check(
    manifest: &Manifest,
    source: &KafkaConfig,
    target: &KafkaConfig,
    counts: &(Counts, Counts),
    filter: &Filter,
) -> Result<()> {
    ensure!(
        manifest.source_prefix == source.topic_prefix
            && manifest.target_prefix == target.topic_prefix,
        "the manifest is about a copy from the prefix {:?} to {:?}",
        manifest.source_prefix,
        manifest.target_prefix
    );
    ensure!(
        manifest.filter == *filter,
        "the manifest is about a copy with another choice of aggregates or masks: {}",
        serde_json::to_string(&manifest.filter)?
    );
    let identities = identities(source, &manifest.topics)?;
    for (copy, (before, after)) in manifest.topics.iter().zip(identities) {
        for (known, found) in [(&copy.source, before), (&copy.target, after)] {
            ensure!(
                known.identity == found,
                "topic {} was deleted and created again since the copy was begun",
                known.name
            );
        }
        let found = |counts: &Counts| counts.get(&copy.aggregate).copied();
        let (before, after) = copy.counts();
        ensure!(
            found(&counts.0) == Some(before) && found(&counts.1) == Some(after),
            "the manifest is about a copy of {} from {before} to {after} partitions",
            copy.aggregate
        );
    }
    Ok(())
}

fn unidentified(kafka: &KafkaConfig, kind: Kind, aggregate: &str) -> Topic {
    let topics = Topics::new(&kafka.topic_prefix, aggregate);
    Topic {
        name: kind.of(&topics).to_owned(),
        identity: String::new(),
    }
}

/// Returns the identities of the topics of the source and of the copy.
fn identities(kafka: &KafkaConfig, copies: &[TopicCopy]) -> Result<Vec<(String, String)>> {
    let names = copies
        .iter()
        .flat_map(|copy| [copy.source.name.as_str(), copy.target.name.as_str()]);
    let names: Vec<&str> = names.collect();
    let identities = topic_identities(kafka, &names)?;
    let pairs = identities.chunks_exact(2);
    Ok(pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect())
}
