//! Writes the records of the source to the copy, and goes on after a kill.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use factline_kafka::tools::partition_scan::{Extents, Scanned, scan};
use factline_kafka::tools::topic_writer::TopicWriter;
use factline_kafka::{KafkaConfig, Topics};

use super::manifest::{Manifest, TopicCopy, entry};
use super::placing::{check_sequence, number, owned, place};
use super::schemas::Schemas;
use crate::archive::Kind;
use crate::progress::Progress;

/// Number of records after which the manifest is written.
const BETWEEN_WRITES: u64 = 20_000;

/// Clients of the source and of the copy.
pub(super) struct Clients {
    pub(super) source: KafkaConfig,
    pub(super) target: KafkaConfig,
    pub(super) extents: Extents,
    pub(super) writer: TopicWriter,
}

impl Clients {
    /// Connects to the brokers, which both installations share.
    pub(super) fn new(source: &KafkaConfig, target: &KafkaConfig) -> Result<Self> {
        Ok(Self {
            source: source.clone(),
            target: target.clone(),
            extents: Extents::new(source)?,
            writer: TopicWriter::new(target).context("cannot create a producer")?,
        })
    }
}

/// Writer of a copy. Its calls block.
pub(super) struct Transfer<'a> {
    pub(super) clients: &'a Clients,
    pub(super) schemas: Schemas,
    pub(super) manifest: &'a mut Manifest,
    pub(super) path: &'a Path,
}

/// First offsets by partition, where it is not that of the log.
pub(super) type Begins = BTreeMap<i32, i64>;

impl Transfer<'_> {
    /// Copies the new records of a topic. Returns their number, with those that a killed run has
    /// already written.
    pub(super) fn run(&mut self, index: usize, begins: &Begins) -> Result<u64> {
        let mut copy = self.manifest.topics[index].clone();
        let ranges = ranges(&self.clients.extents, &mut copy, begins)?;
        // What was written after the manifest.
        let mut written = written(&self.clients.extents, &copy)?;
        let topics = Topics::new(&self.clients.target.topic_prefix, &copy.aggregate);
        let total = ranges.values().map(|(begin, end)| end - begin).sum();
        let mut progress = Progress::new(&copy.source.name, 0);
        let (mut read, mut copied) = (0_u64, 0_u64);
        let topic = copy.source.name.clone();
        scan(
            &self.clients.source,
            &topic,
            &ranges,
            |scanned: &Scanned<'_>| {
                let is_new = self.record(&mut copy, &topics, &mut written, scanned)?;
                read += 1;
                copied += u64::from(is_new);
                progress.reach(read, u64::try_from(i64::max(total, 0)).unwrap_or_default());
                if read.is_multiple_of(BETWEEN_WRITES) {
                    self.save(index, &copy)?;
                }
                Ok::<_, anyhow::Error>(())
            },
        )?;
        for (partition, (_, end)) in &ranges {
            // The last offsets may be those of markers, which are no records.
            entry(&mut copy.source_partitions, *partition)?.next_offset = *end;
        }
        ensure!(
            written.values().all(|count| *count == 0),
            "{} has more records than were copied: another process writes there",
            copy.target.name
        );
        self.save(index, &copy)?;
        Ok(copied)
    }

    /// Copies a record. Returns `false` if the filter leaves it out.
    fn record(
        &mut self,
        copy: &mut TopicCopy,
        topics: &Topics,
        written: &mut BTreeMap<i32, u64>,
        scanned: &Scanned<'_>,
    ) -> Result<bool> {
        let (kind, counts) = (copy.kind, copy.counts());
        let mut record = owned(scanned)?;
        let from = entry(&mut copy.source_partitions, record.partition)?;
        from.records += 1;
        if kind == Kind::Events {
            check_sequence(&record, from.records)?;
        }
        from.next_offset = record.offset + 1;
        if !self.manifest.filter.has(&copy.aggregate, kind, &record) {
            return Ok(false);
        }
        if kind != Kind::Outcomes {
            let Manifest { filter, masked, .. } = &mut *self.manifest;
            self.schemas.mask(&filter.masks, &mut record, masked)?;
        }
        let offset = record.offset;
        record.partition = place(kind, record.key.as_deref(), record.partition, counts);
        let to = entry(&mut copy.target_partitions, record.partition)?;
        to.records += 1;
        to.first_source_offset.get_or_insert(offset);
        to.last_source_offset = Some(offset);
        if kind == Kind::Events {
            number(&mut record, to.records)?;
        }
        self.schemas.translate(kind, topics, &mut record)?;
        record.topic.clone_from(&copy.target.name);
        to.sha256.add(&record, kind != Kind::Commands);
        match written.get_mut(&record.partition) {
            Some(count) if *count > 0 => *count -= 1,
            _ => {
                let written = self.clients.writer.write(&record);
                written.with_context(|| format!("cannot write to {}", copy.target.name))?;
            }
        }
        Ok(true)
    }

    /// Writes the manifest, after the brokers have everything that it counts.
    fn save(&mut self, index: usize, copy: &TopicCopy) -> Result<()> {
        let written = self.clients.writer.finish();
        written.with_context(|| format!("cannot write all records to {}", copy.target.name))?;
        self.manifest.topics[index].clone_from(copy);
        self.manifest.write(self.path)
    }
}

/// Returns the offsets to read, by partition of the source.
fn ranges(
    extents: &Extents,
    copy: &mut TopicCopy,
    begins: &Begins,
) -> Result<BTreeMap<i32, (i64, i64)>> {
    let topic = &copy.source.name;
    let extents = extents.of(topic)?;
    let mut ranges = BTreeMap::new();
    for (partition, (first, end)) in extents {
        let known = entry(&mut copy.source_partitions, partition)?;
        let begin = if known.first_offset.is_some() {
            known.next_offset
        } else {
            let begin = begins.get(&partition).copied().unwrap_or(first);
            known.first_offset = Some(begin);
            known.next_offset = begin;
            begin
        };
        // Compaction leaves the first offset as it is.
        ensure!(
            begin >= first,
            "{topic}/{partition} begins at offset {first}, and was copied up to {begin}: records \
             were deleted meanwhile; delete the topics of the copy and the manifest, and begin again"
        );
        ensure!(
            begin <= end,
            "{topic}/{partition} ends at offset {end}, and was copied up to {begin}: the brokers \
             have lost records"
        );
        ranges.insert(partition, (begin, end));
    }
    Ok(ranges)
}

/// Returns how many records the partitions of the copy have beyond those that the manifest counts:
/// a run that was killed has written them.
fn written(extents: &Extents, copy: &TopicCopy) -> Result<BTreeMap<i32, u64>> {
    let topic = &copy.target.name;
    let extents = extents.of(topic)?;
    let mut written = BTreeMap::new();
    for (partition, known) in (0..).zip(&copy.target_partitions) {
        let (_, end) = extents.get(&partition).copied().unwrap_or_default();
        let end = u64::try_from(end).unwrap_or_default();
        let more = end.checked_sub(known.records).with_context(|| {
            format!(
                "{topic}/{partition} has {end} records, and the manifest counts {}: the brokers \
                 have lost records",
                known.records
            )
        })?;
        written.insert(partition, more);
    }
    Ok(written)
}
