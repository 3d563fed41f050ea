//! The manifest of a copy: progress while it is written, and afterwards the evidence.
//!
//! The records of a target partition are those of one source partition, in their order. The copy
//! writes them without transactions, so their offsets are 0, 1, 2, … Everything that a killed run
//! has written is therefore known from the manifest and the ends of the target's partitions.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use factline::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::filter::Filter;
use crate::archive::Kind;

/// The version of the format.
const FORMAT: u32 = 1;

/// A copy of an installation's log under another topic prefix.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub(super) created_at: Timestamp,
    /// The operating system's user who began the copy.
    pub(super) created_by: String,
    /// Topic prefix of the installation that is copied.
    pub(super) source_prefix: String,
    /// Topic prefix of the copy.
    pub(super) target_prefix: String,
    pub(super) filter: Filter,
    /// Number of replaced fields of each mask.
    pub(super) masked: Vec<u64>,
    pub(super) topics: Vec<TopicCopy>,
    pub(super) cut_over: Option<CutOver>,
}

/// The copy of a topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TopicCopy {
    pub(super) aggregate: String,
    pub(super) kind: Kind,
    pub(super) source: Topic,
    pub(super) target: Topic,
    /// By number.
    pub(super) source_partitions: Vec<SourcePartition>,
    /// By number.
    pub(super) target_partitions: Vec<TargetPartition>,
}

/// A topic beyond its name, which a topic that is created later can have too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) identity: String,
}

/// Progress in a partition of the source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SourcePartition {
    /// Offset of the first record to copy; none before the copy of the topic has begun.
    pub(super) first_offset: Option<i64>,
    /// Offset after the last record that was copied.
    pub(super) next_offset: i64,
    /// Number of records that were read.
    pub(super) records: u64,
}

/// The records of a partition of the copy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TargetPartition {
    /// Number of records, which is also the end offset.
    pub(super) records: u64,
    /// Source offset of the first record.
    pub(super) first_source_offset: Option<i64>,
    /// Source offset of the last record.
    pub(super) last_source_offset: Option<i64>,
    /// Hash over the records.
    pub(super) sha256: Digest,
}

/// The offsets with which the readers go on in the copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CutOver {
    pub(super) at: Timestamp,
    /// Consumer groups, by their names in the source.
    pub(super) groups: BTreeMap<String, Vec<Moved>>,
    /// Views and the tracker, by name and version.
    pub(super) followers: BTreeMap<String, Vec<Moved>>,
}

/// The place of a reader in a partition of the source, and in those of the copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) next_offset: i64,
    /// Next offset by partition of the copy.
    pub(super) to: BTreeMap<i32, i64>,
}

impl Manifest {
    pub(super) fn new(source: &str, target: &str, filter: Filter, topics: Vec<TopicCopy>) -> Self {
        Self {
            format: FORMAT,
            created_at: chrono::Utc::now(),
            created_by: std::env::var("USER").unwrap_or_default(),
            source_prefix: source.to_owned(),
            target_prefix: target.to_owned(),
            masked: vec![0; filter.masks.len()],
            filter,
            topics,
            cut_over: None,
        }
    }

    /// Reads a manifest; none if the file does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let cannot_read = || format!("cannot read {}", path.display());
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(cannot_read),
        };
        let manifest: Self = serde_json::from_slice(&text).with_context(cannot_read)?;
        ensure!(
            manifest.format == FORMAT,
            "{} has the format {}, and this tool reads {FORMAT}",
            path.display(),
            manifest.format
        );
        Ok(Some(manifest))
    }

    /// Writes the manifest. The file is replaced as a whole, and on the disk afterwards.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let cannot_write = || format!("cannot write {}", path.display());
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let text = serde_json::to_vec_pretty(self)?;
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            let folder = path.parent().filter(|folder| folder.as_os_str() != "");
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().with_context(cannot_write)
    }
}

impl TopicCopy {
    /// Returns the numbers of partitions of source and target.
    pub(super) fn counts(&self) -> (i32, i32) {
        let count = |length| i32::try_from(length).unwrap_or(i32::MAX);
        (
            count(self.source_partitions.len()),
            count(self.target_partitions.len()),
        )
    }

    /// Returns the number of records in the copy.
    pub(super) fn records(&self) -> u64 {
        let partitions = self.target_partitions.iter();
        partitions.map(|partition| partition.records).sum()
    }
}

/// Returns a partition's entry by its number.
pub(super) fn entry<T>(entries: &mut [T], partition: i32) -> Result<&mut T> {
    let found = usize::try_from(partition).ok();
    let found = found.and_then(|index| entries.get_mut(index));
    found.with_context(|| format!("the manifest has no partition {partition}"))
}
