//! The places of readers in the copy.
//!
//! A reader that has `n` records of a partition before it has the same `n` records before it in the
//! copy. They are counted from the end, because old records may have been deleted in the source
//! since they were copied.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, ensure};
use factline_kafka::tools::partition_scan::{Scanned, scan};
use factline_kafka::topics::TopicPartition;
use uuid::Uuid;

use super::filter::Filter;
use super::manifest::{Moved, TopicCopy};
use super::placing::{owned, place};
use super::transfer::Clients;

/// A reader of the source with its places.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) name: String,
    /// Offset of the next record, by partition.
    pub(super) places: BTreeMap<TopicPartition, i64>,
}

/// The places of a reader in the copy.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) moved: Vec<Moved>,
    /// Number of records that the reader has not read.
    pub(super) unread: u64,
}

/// Returns the places of readers in the copy of a topic, in their order. Blocks.
pub(super) fn places(
    clients: &Clients,
    filter: &Filter,
    copy: &TopicCopy,
    readers: &[Reader],
) -> Result<Vec<Places>> {
    let topic = &copy.source.name;
    let extents = clients.extents.of(topic)?;
    let mut ranges: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    let mut known: Vec<HashMap<i32, i64>> = Vec::new();
    for reader in readers {
        let mut own = HashMap::new();
        let places = reader.places.iter().filter(|((name, _), _)| name == topic);
        for ((_, partition), next) in places {
            let index = usize::try_from(*partition).unwrap_or(usize::MAX);
            let copied = copy
                .source_partitions
                .get(index)
                .cloned()
                .unwrap_or_default();
            let (begin, _) = extents.get(partition).copied().unwrap_or_default();
            let first = copied.first_offset.unwrap_or_default().max(begin);
            ensure!(
                (first..=copied.next_offset).contains(next),
                "{} is at offset {next} of {topic}/{partition}, and the copy has the records from \
                 {first} to {}: start it until it has caught up, then stop it again",
                reader.name,
                copied.next_offset
            );
            let range = ranges
                .entry(*partition)
                .or_insert((*next, copied.next_offset));
            range.0 = range.0.min(*next);
            own.insert(*partition, *next);
        }
        known.push(own);
    }
    // Records at or after the place of each reader, by partition of the copy.
    let mut after: Vec<HashMap<i32, u64>> = vec![HashMap::new(); readers.len()];
    scan(&clients.source, topic, &ranges, |scanned: &Scanned<'_>| {
        let record = owned(scanned)?;
        if !filter.has(&copy.aggregate, copy.kind, &record) {
            return Ok(());
        }
        let to = place(
            copy.kind,
            record.key.as_deref(),
            record.partition,
            copy.counts(),
        );
        for (known, after) in known.iter().zip(&mut after) {
            let next = known.get(&record.partition);
            if next.is_some_and(|next| record.offset >= *next) {
                *after.entry(to).or_default() += 1;
            }
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let all = readers.iter().zip(known).zip(after);
    let places = all.map(|((reader, known), after)| places_of(copy, reader, &known, &after));
    places.collect()
}

fn places_of(
    copy: &TopicCopy,
    reader: &Reader,
    known: &HashMap<i32, i64>,
    after: &HashMap<i32, u64>,
) -> Result<Places> {
    let (source, target) = copy.counts();
    let mut places = Places {
        moved: Vec::new(),
        unread: after.values().sum(),
    };
    for (partition, next) in known {
        let mut to = BTreeMap::new();
        for number in (*partition..target).step_by(usize::try_from(source).unwrap_or(1)) {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            let records = copy
                .target_partitions
                .get(index)
                .map_or(0, |known| known.records);
            let after = after.get(&number).copied().unwrap_or_default();
            ensure!(
                after <= records,
                "{} has {after} unread records of {}/{number}, and the copy has {records}",
                reader.name,
                copy.target.name
            );
            to.insert(number, i64::try_from(records - after).unwrap_or(i64::MAX));
        }
        places.moved.push(Moved {
            topic: copy.source.name.clone(),
            partition: *partition,
            next_offset: *next,
            to,
        });
    }
    places.moved.sort_by_key(|moved| moved.partition);
    Ok(places)
}

/// A record of the source and its place in the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MovedRecord {
    pub(super) operation: Uuid,
    pub(super) from: (i32, i64),
    pub(super) to: (i32, i64),
}

/// Returns the places of the records that the source still has. Blocks.
pub(super) fn moved_records(
    clients: &Clients,
    filter: &Filter,
    copy: &TopicCopy,
) -> Result<Vec<MovedRecord>> {
    let topic = &copy.source.name;
    let mut ranges = BTreeMap::new();
    for (partition, (begin, _)) in clients.extents.of(topic)? {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        if let Some(copied) = copy.source_partitions.get(index) {
            let begin = copied.first_offset.unwrap_or(begin).max(begin);
            ranges.insert(partition, (begin, copied.next_offset));
        }
    }
    let mut counts: HashMap<i32, i64> = HashMap::new();
    let mut moved = Vec::new();
    scan(&clients.source, topic, &ranges, |scanned: &Scanned<'_>| {
        let record = owned(scanned)?;
        if filter.has(&copy.aggregate, copy.kind, &record) {
            let to = place(
                copy.kind,
                record.key.as_deref(),
                record.partition,
                copy.counts(),
            );
            let count = counts.entry(to).or_default();
            moved.push(MovedRecord {
                operation: record.operation(),
                from: (record.partition, record.offset),
                to: (to, *count),
            });
            *count += 1;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    for record in &mut moved {
        let index = usize::try_from(record.to.0).unwrap_or(usize::MAX);
        let records = copy
            .target_partitions
            .get(index)
            .map_or(0, |known| known.records);
        let count = counts.get(&record.to.0).copied().unwrap_or_default();
        record.to.1 += i64::try_from(records).unwrap_or(i64::MAX) - count;
    }
    Ok(moved)
}
