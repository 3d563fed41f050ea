//! The file of a topic: a JSON line for each record, with its bytes in base 64.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, IntoInnerError, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factline::Timestamp;
use factline_kafka::{Headers, Record};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::TopicFile;

/// A record as a line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    partition: i32,
    /// Milliseconds since 1970.
    timestamp: i64,
    key: Option<String>,
    headers: Vec<(String, String)>,
    value: Option<String>,
}

/// Writes a file.
pub(super) struct Writer {
    name: String,
    file: BufWriter<File>,
    path: PathBuf,
    sum: Sha256,
    records: u64,
}

impl Writer {
    pub(super) fn create(folder: &Path, name: String) -> Result<Self> {
        let path = folder.join(&name);
        let file = File::create_new(&path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            name,
            file: BufWriter::new(file),
            path,
            sum: Sha256::new(),
            records: 0,
        })
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<()> {
        let base64 = |bytes: &Vec<u8>| STANDARD.encode(bytes);
        let headers = record.headers.iter();
        let line = Line {
            partition: record.partition,
            timestamp: record.timestamp.timestamp_millis(),
            key: record.key.as_ref().map(base64),
            headers: headers
                .map(|(name, value)| (name.to_owned(), STANDARD.encode(value)))
                .collect(),
            value: record.value.as_ref().map(base64),
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        self.sum.update(&line);
        self.records += 1;
        let written = self.file.write_all(&line);
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Ends the file, and waits until the disk has it.
    pub(super) fn finish(self) -> Result<TopicFile> {
        let file = self.file.into_inner().map_err(IntoInnerError::into_error);
        file.and_then(|file| file.sync_all())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(TopicFile {
            file: self.name,
            records: self.records,
            sha256: hex(&self.sum.finalize()),
        })
    }
}

/// Checks that a file is as it was written.
pub(super) fn check(folder: &Path, expected: &TopicFile) -> Result<()> {
    let mut sum = Sha256::new();
    let mut records = 0;
    each_line(folder, expected, |line| {
        sum.update(line);
        sum.update(b"\n");
        records += 1;
        Ok(())
    })?;
    ensure!(
        records == expected.records && hex(&sum.finalize()) == expected.sha256,
        "{} was changed after the backup, or is not complete",
        folder.join(&expected.file).display()
    );
    Ok(())
}

/// Calls a function with each record of a file, as a record of this topic.
pub(super) fn each(
    folder: &Path,
    file: &TopicFile,
    topic: &str,
    mut then: impl FnMut(Record) -> Result<()>,
) -> Result<()> {
    each_line(folder, file, |line| {
        let line: Line = serde_json::from_slice(line)?;
        let bytes = |text: Option<String>| text.map(|text| STANDARD.decode(text)).transpose();
        let mut headers = Headers::with_capacity(line.headers.len());
        for (name, value) in &line.headers {
            headers.push(name, &STANDARD.decode(value)?);
        }
        then(Record {
            topic: topic.to_owned(),
            partition: line.partition,
            offset: 0,
            timestamp: Timestamp::from_timestamp_millis(line.timestamp).unwrap_or_default(),
            key: bytes(line.key)?,
            headers,
            value: bytes(line.value)?,
        })
    })
}

fn each_line(
    folder: &Path,
    file: &TopicFile,
    mut then: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let path = folder.join(&file.file);
    let cannot_read = || format!("cannot read {}", path.display());
    let lines = BufReader::new(File::open(&path).with_context(cannot_read)?);
    for (number, line) in (1..).zip(lines.split(b'\n')) {
        let line = line.with_context(cannot_read)?;
        then(&line).with_context(|| format!("{} line {number}", path.display()))?;
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Option<&[u8]>) -> Record {
        Record {
            topic: "a.events".to_owned(),
            partition: 3,
            offset: 0,
            timestamp: Timestamp::from_timestamp_millis(1_700_000_000_123).unwrap(),
            key: Some(b"7".to_vec()),
            headers: [("ce_id", "1"), ("odd", "\n\"")].into_iter().collect(),
            value: value.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn records_read_back_and_a_changed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let records = [record(Some(&[0, 10, 255])), record(None)];
        let mut writer = Writer::create(folder.path(), "a.jsonl".to_owned()).unwrap();
        for record in &records {
            writer.write(record).unwrap();
        }
        let file = writer.finish().unwrap();
        assert_eq!(file.records, 2);
        check(folder.path(), &file).unwrap();
        let mut read = Vec::new();
        each(folder.path(), &file, "a.events", |record| {
            read.push(record);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, records);

        let path = folder.path().join(&file.file);
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        for changed in [format!("{first}\n"), text.replace(":3,", ":4,")] {
            std::fs::write(&path, changed).unwrap();
            let error = check(folder.path(), &file).unwrap_err().to_string();
            assert!(error.contains("changed after the backup"), "{error}");
        }
    }
}
