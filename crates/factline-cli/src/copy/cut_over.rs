//! The cut-over: readers go on in the copy where they were in the source.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline_kafka::KafkaConfig;
use factline_kafka::tools::groups::{self, Group};
use factline_kafka::tools::partition_scan::scan;
use factline_kafka::topics::TopicPartition;

use super::beginning::Counts;
use super::followers::{self, Changes, Follower};
use super::manifest::{CutOver, Manifest, Moved, TopicCopy};
use super::offset_map::{MovedRecord, Places, Reader, moved_records, places};
use super::transfer::{Begins, Clients};
use crate::archive::Kind;
use crate::archive::stopped::stopped;
use crate::database;
use crate::views::Views;

/// Name of the tracker in checkpoints.
const TRACKER: &str = "operations-tracker";

/// Waits until no group reads the source or the copy. Returns the groups of the source. Blocks.
pub(super) fn wait(
    source: &KafkaConfig,
    target: &KafkaConfig,
    manifest: &Manifest,
    wait: Duration,
) -> Result<Vec<Group>> {
    let copies = &manifest.topics;
    let matters = |kafka: &KafkaConfig, group: &Group, name: fn(&TopicCopy) -> &str| {
        let members = group.members.iter();
        let mut partitions = members.flat_map(|member| &member.partitions);
        let is_known = |topic: &str| copies.iter().any(|copy| name(copy) == topic);
        // With an empty prefix, other installations have groups too.
        !kafka.topic_prefix.is_empty() || partitions.any(|(topic, _)| is_known(topic))
    };
    stopped(target, wait, |group| {
        matters(target, group, |copy| &copy.target.name)
    })?;
    stopped(source, wait, |group| {
        matters(source, group, |copy| &copy.source.name)
    })
}

/// Returns the committed offsets of the groups in the topics of the source. Blocks.
pub(super) fn readers(
    source: &KafkaConfig,
    manifest: &Manifest,
    groups: &[Group],
) -> Result<Vec<Reader>> {
    let keys = manifest.topics.iter().flat_map(|copy| {
        (0..copy.counts().0).map(|partition| (copy.source.name.clone(), partition))
    });
    let keys: Vec<TopicPartition> = keys.collect();
    let mut readers = Vec::new();
    for group in groups {
        let places = groups::committed(source, &group.name, &keys)?;
        if !places.is_empty() {
            let name = group.name.clone();
            readers.push(Reader { name, places });
        }
    }
    Ok(readers)
}

/// Returns the offsets of the first commands that are not decided, by topic and partition.
///
/// # Errors
/// If the handlers have no offset.
pub(super) fn undecided(
    source: &KafkaConfig,
    contracts: &[&'static Contract],
    counts: &Counts,
    readers: &[Reader],
) -> Result<BTreeMap<String, Begins>> {
    let mut undecided: BTreeMap<String, Begins> = BTreeMap::new();
    for contract in contracts {
        let topics = source.topics(contract);
        let group = topics.handler_group();
        let reader = readers.iter().find(|reader| reader.name == group);
        let reader = reader.with_context(|| format!("group {group} has no offsets"))?;
        let count = counts.get(contract.aggregate).copied().unwrap_or_default();
        for partition in 0..count {
            let key = (topics.commands().to_owned(), partition);
            let next = reader.places.get(&key);
            let next = next
                .with_context(|| format!("group {group} has no offset of {}/{partition}", key.0))?;
            undecided.entry(key.0).or_default().insert(partition, *next);
        }
    }
    Ok(undecided)
}

/// Checks that everything was copied. Blocks.
pub(super) fn check_whole(clients: &Clients, manifest: &Manifest) -> Result<()> {
    for copy in &manifest.topics {
        for (partition, (_, end)) in clients.extents.of(&copy.source.name)? {
            let index = usize::try_from(partition).unwrap_or(usize::MAX);
            let copied = copy
                .source_partitions
                .get(index)
                .map(|known| known.next_offset);
            ensure!(
                copied == Some(end),
                "{}/{partition} has new records: a process still writes, such as command-api; stop \
                 it, and run the command again",
                copy.source.name
            );
        }
    }
    Ok(())
}

/// Returns the numbers of records that were written to the copy since the cut-over, by topic.
/// Blocks.
pub(super) fn written_since(clients: &Clients, manifest: &Manifest) -> Result<Vec<u64>> {
    let topics = manifest.topics.iter().map(|copy| {
        let mut ranges = BTreeMap::new();
        for (partition, (begin, end)) in clients.extents.of(&copy.target.name)? {
            let index = usize::try_from(partition).unwrap_or(usize::MAX);
            let copied = copy.target_partitions.get(index);
            let copied = copied.map_or(0, |known| known.records);
            let first = i64::try_from(copied).unwrap_or(i64::MAX).max(begin);
            ranges.insert(partition, (first, end));
        }
        let mut count = 0;
        // The markers of transactions are no records.
        scan(&clients.target, &copy.target.name, &ranges, |_| {
            count += 1;
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(count)
    });
    topics.collect()
}

/// The places of all readers.
pub(super) struct Map {
    pub(super) groups: Vec<(Reader, Vec<Moved>)>,
    pub(super) followers: Vec<(Follower, Vec<Moved>)>,
    pub(super) records: Vec<(usize, Vec<MovedRecord>)>,
}

/// Finds the places of all readers. Blocks.
pub(super) fn map(
    clients: &Clients,
    manifest: &Manifest,
    groups: Vec<Reader>,
    followers: Vec<Follower>,
    hosted: &[(String, i32)],
) -> Result<Map> {
    let mut readers = groups.clone();
    readers.extend(followers.iter().map(Follower::reader));
    let mut all: Vec<Places> = vec![Places::default(); readers.len()];
    for copy in &manifest.topics {
        let found = places(clients, &manifest.filter, copy, &readers)?;
        for (all, found) in all.iter_mut().zip(found) {
            all.moved.extend(found.moved);
            all.unread += found.unread;
        }
    }
    let of_followers = all.split_off(groups.len());
    for (follower, places) in followers.iter().zip(&of_followers) {
        let is_hosted = hosted
            .iter()
            .any(|(view, version)| *view == follower.view && *version == follower.version);
        // A client may hold a position of the source. A reader that has caught up satisfies it
        // forever; one that has not never would.
        ensure!(
            !is_hosted || places.unread == 0,
            "{} version {} has {} unread records: start it until it has caught up, then stop it \
             again",
            follower.view,
            follower.version,
            places.unread
        );
    }
    let mut records = Vec::new();
    if followers.iter().any(|follower| follower.view == TRACKER) {
        for (index, copy) in manifest.topics.iter().enumerate() {
            if matches!(copy.kind, Kind::Commands | Kind::Outcomes) {
                records.push((index, moved_records(clients, &manifest.filter, copy)?));
            }
        }
    }
    let moved = |places: Places| places.moved;
    Ok(Map {
        groups: groups.into_iter().zip(all.into_iter().map(moved)).collect(),
        followers: followers
            .into_iter()
            .zip(of_followers.into_iter().map(moved))
            .collect(),
        records,
    })
}

/// Loads the followers of a database; none without a database.
pub(super) async fn load(url: Option<&str>, manifest: &Manifest) -> Result<Vec<Follower>> {
    let Some(url) = url else {
        return Ok(Vec::new());
    };
    let mut connection = database::connect(url).await?;
    followers::load(&mut connection, manifest).await
}

/// Returns the names and versions of the followers that must have caught up.
pub(super) fn hosted(views: Views<'_>) -> Vec<(String, i32)> {
    let views = views.hosted.iter();
    let views = views.map(|view| (view.name.to_owned(), view.version));
    views.chain([(TRACKER.to_owned(), 1)]).collect()
}

impl Map {
    /// Returns the part of the manifest.
    pub(super) fn to_cut_over(&self) -> CutOver {
        let named =
            |(follower, moved): &(Follower, Vec<Moved>)| (follower.reader().name, moved.clone());
        CutOver {
            at: chrono::Utc::now(),
            groups: self
                .groups
                .iter()
                .map(|(reader, moved)| (reader.name.clone(), moved.clone()))
                .collect(),
            followers: self.followers.iter().map(named).collect(),
        }
    }

    /// Commits the offsets of the groups of the copy. Blocks.
    pub(super) fn commit(&self, target: &KafkaConfig, manifest: &Manifest) -> Result<()> {
        for (reader, moved) in &self.groups {
            let bare = reader.name.strip_prefix(&manifest.source_prefix);
            let group = format!("{}{}", target.topic_prefix, bare.unwrap_or(&reader.name));
            let mut offsets = BTreeMap::new();
            for moved in moved {
                let mut copies = manifest.topics.iter();
                let copy = copies.find(|copy| copy.source.name == moved.topic);
                let copy = copy.with_context(|| format!("no copy of {}", moved.topic))?;
                for (partition, next) in &moved.to {
                    offsets.insert((copy.target.name.clone(), *partition), *next);
                }
            }
            groups::commit(target, &group, &offsets)?;
        }
        Ok(())
    }

    /// Writes the checkpoints and rows of a database.
    pub(super) async fn store(&self, url: &str, manifest: &Manifest) -> Result<()> {
        let mut connection = database::connect(url).await?;
        let changes = Changes {
            manifest,
            followers: &self.followers,
            records: &self.records,
        };
        followers::write(&mut connection, &changes).await
    }
}
