//! A backup of the log as files: `factline backup` and `factline restore`.
//!
//! A backup is a folder. Each topic is a file of JSON lines, one for each record. `manifest.json`
//! describes the files, the schemas and the offsets of the groups. It is written last, so a folder
//! without it is not a backup. Names of topics and groups are without the installation's prefix.
//!
//! Offsets do not survive a restore: those of the groups are therefore counts of records.

pub(crate) mod backup;
pub(crate) mod restore;
pub(crate) mod stopped;
mod topic_file;

pub(crate) use self::topic_file::hex;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use factline::{Contract, Timestamp};
use factline_kafka::Topics;
use serde::{Deserialize, Serialize};

/// Name of the file that describes the others.
const MANIFEST: &str = "manifest.json";

/// The version of the format.
const FORMAT: u32 = 1;

/// The contents of a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    taken_at: Timestamp,
    aggregates: Vec<AggregateFiles>,
    schemas: Vec<Schema>,
    groups: Vec<GroupOffsets>,
}

/// The files of an aggregate type.
#[derive(Debug, Serialize, Deserialize)]
struct AggregateFiles {
    aggregate: String,
    partitions: i32,
    topics: BTreeMap<Kind, TopicFile>,
}

/// A topic of an aggregate type. Snapshots are a cache, and are not backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Only commands that are not decided yet.
    Commands,
    Events,
    Outcomes,
    DeadLetters,
}

/// The file of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TopicFile {
    file: String,
    records: u64,
    sha256: String,
}

/// A schema that records were written with.
#[derive(Debug, Serialize, Deserialize)]
struct Schema {
    /// Its id in the registry of the backup.
    id: i32,
    text: String,
    /// The topics that have records of it.
    topics: Vec<(String, Kind)>,
}

/// Progress of a group other than the handlers' in a topic of an aggregate type.
#[derive(Debug, Serialize, Deserialize)]
struct GroupOffsets {
    group: String,
    aggregate: String,
    kind: Kind,
    /// Number of records that it has read, by partition.
    records: BTreeMap<i32, i64>,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Commands,
        Self::Events,
        Self::Outcomes,
        Self::DeadLetters,
    ];

    /// Returns the name of its topic.
    pub(crate) fn of(self, topics: &Topics) -> &str {
        match self {
            Self::Commands => topics.commands(),
            Self::Events => topics.events(),
            Self::Outcomes => topics.outcomes(),
            Self::DeadLetters => topics.dead_letters(),
        }
    }

    /// Returns the name of the file of an aggregate's topic.
    fn file(self, contract: &Contract) -> String {
        let topics = Topics::new("", contract.aggregate);
        format!("{}.jsonl", self.of(&topics))
    }
}

impl Manifest {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path)
            .with_context(|| format!("{} is not a complete backup", folder.display()))?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            manifest.format == FORMAT,
            "{} has the format {}, and this tool reads {FORMAT}",
            path.display(),
            manifest.format
        );
        Ok(manifest)
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(self)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
