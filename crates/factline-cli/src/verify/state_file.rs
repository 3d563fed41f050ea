//! The state file: progress and counters of each partition, so that a later run continues there.
//!
//! JSON lines: a header, a line for each partition, and the SHA-256 of all lines before it. The
//! file is replaced as a whole, so a crash leaves the old one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::ledger::Saved;

/// The version of the format.
const FORMAT: u32 = 1;

/// A partition of an aggregate type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) aggregate: String,
    pub(super) partition: i32,
    /// Identities of the topics of commands, outcomes and events.
    pub(super) identities: Vec<String>,
    /// First offsets of commands, outcomes and events that were not checked.
    pub(super) next: [i64; 3],
    pub(super) ledger: Saved,
}

/// The file, as it will be written next.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    header: String,
    sections: BTreeMap<(String, i32), String>,
}

impl StateFile {
    /// Reads the file. One that does not exist is empty.
    pub(super) fn open(path: &Path, prefix: &str) -> Result<Self> {
        let header = json!({"format": FORMAT, "topic_prefix": prefix}).to_string();
        let mut file = Self {
            path: path.to_owned(),
            header,
            sections: BTreeMap::new(),
        };
        match fs::read_to_string(path) {
            Ok(text) => file
                .read(&text)
                .with_context(|| format!("cannot use the state file {}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let reading = format!("cannot read the state file {}", path.display());
                return Err(error).context(reading);
            }
        }
        Ok(file)
    }

    fn read(&mut self, text: &str) -> Result<()> {
        let (lines, sum) = text
            .trim_end()
            .rsplit_once('\n')
            .context("it is not complete")?;
        let digest = Sha256::digest(format!("{lines}\n"));
        ensure!(
            sum == sum_line(&digest),
            "it was changed after a run wrote it"
        );
        let mut lines = lines.lines();
        ensure!(
            lines.next() == Some(&self.header),
            "it is of another format or topic prefix: expected {}",
            self.header
        );
        for line in lines {
            let section: Section = serde_json::from_str(line)?;
            self.sections
                .insert((section.aggregate, section.partition), line.to_owned());
        }
        Ok(())
    }

    /// Returns the section of a partition.
    pub(super) fn section(&self, aggregate: &str, partition: i32) -> Result<Option<Section>> {
        let found = self.sections.get(&(aggregate.to_owned(), partition));
        let section = found.map(|line| serde_json::from_str(line)).transpose();
        section.context("cannot read a section of the state file")
    }

    /// Replaces the section of a partition.
    pub(super) fn put(&mut self, section: &Section) -> Result<()> {
        let line = serde_json::to_string(section)?;
        self.sections
            .insert((section.aggregate.clone(), section.partition), line);
        Ok(())
    }

    /// Writes the file beside the old one, and replaces the old one.
    pub(super) fn write(&self) -> Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = self
            .write_to(&new)
            .and_then(|()| fs::rename(&new, &self.path));
        written.with_context(|| format!("cannot write the state file {}", self.path.display()))
    }

    fn write_to(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut sum = Sha256::new();
        for line in std::iter::once(&self.header).chain(self.sections.values()) {
            for part in [line.as_str(), "\n"] {
                sum.update(part);
                file.write_all(part.as_bytes())?;
            }
        }
        writeln!(file, "{}", sum_line(&sum.finalize()))?;
        file.into_inner()?.sync_all()
    }
}

fn sum_line(digest: &[u8]) -> String {
    json!({"sha256": crate::archive::hex(digest)}).to_string()
}
