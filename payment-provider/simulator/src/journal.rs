//! The journal: a file with a line of JSON for each fact, appended to and read again at the start.
//!
//! A process that is killed during a write leaves half a line. No client has seen its result, so it
//! is cut off. Any other unreadable line prevents the start, because money would be missing from
//! the books.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::book::Entry;

const FILE: &str = "journal.jsonl";

/// Reasons for which the journal is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("cannot read or write the journal")]
    File(#[from] io::Error),
    /// Another process has opened the file.
    #[error("the journal is in use by another process")]
    InUse,
    /// A line that this program did not write.
    #[error("line {number} of the journal cannot be read")]
    Line {
        /// Line number, from 1.
        number: usize,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// An earlier write failed, so the file may end in half a line.
    #[error("an earlier write to the journal failed; restart the process")]
    Broken,
}

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    broken: bool,
}

impl Journal {
    /// Opens the journal of a folder, which is created if it is missing, and returns its entries.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>), Error> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let options = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&path);
        let file = options?;
        if file.try_lock().is_err() {
            return Err(Error::InUse);
        }
        let bytes = fs::read(&path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |last| last + 1);
        if whole < bytes.len() {
            let cut = bytes.len() - whole;
            tracing::warn!(cut, "cutting off half a line at the end of the journal");
            file.set_len(whole as u64)?;
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        let lines = (1..).zip(lines.filter(|line| !line.is_empty()));
        let entries = lines.map(|(number, line)| {
            serde_json::from_slice(line).map_err(|source| Error::Line { number, source })
        });
        let entries = entries.collect::<Result<_, _>>()?;
        let broken = false;
        Ok((Self { file, broken }, entries))
    }

    /// Appends a fact. After a failure the journal accepts no more, because entries after half a
    /// line could not be read.
    pub fn append(&mut self, entry: &Entry) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let mut line = serde_json::to_vec(entry).map_err(io::Error::from)?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        self.broken = written.is_err();
        Ok(written?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(reference: &str) -> Entry {
        Entry::Settled {
            reference: reference.to_owned(),
        }
    }

    #[test]
    fn journal_is_read_without_its_last_half_line() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, none) = Journal::open(folder.path()).unwrap();
        assert_eq!(none, []);
        journal.append(&settled("ch_1")).unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(Error::InUse)));
        drop(journal);
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], br#"{"settled":{"ref"#].concat()).unwrap();
        let (mut journal, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, [settled("ch_1")]);
        journal.append(&settled("ch_2")).unwrap();
        drop(journal);
        let (_, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, [settled("ch_1"), settled("ch_2")]);
    }

    #[test]
    fn unknown_complete_line_prevents_the_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"stolen\":{}}\n").unwrap();
        let error = Journal::open(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Line { number: 1, .. }), "{error}");
    }
}
