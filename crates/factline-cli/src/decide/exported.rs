//! Commands from a file in JSON lines, as `factline export` writes them.
//!
//! A file may be larger than memory: it is read once to find where each partition begins, and then
//! with the other records of a partition. An export has the order of partitions and offsets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factline::Timestamp;
use factline_handler::dry_run::{Command, Encoding, OwnCodecs, ReadError};
use factline_kafka::Record;
use factline_kafka::records::headers::Headers;
use serde_json::Value;

use super::run::{Keys, Run, hash};

/// A file with the commands of an aggregate type.
pub(super) struct Exported {
    path: PathBuf,
    sections: BTreeMap<i32, Section>,
}

/// The commands of a partition.
#[derive(Debug, Default)]
struct Section {
    /// The first byte, and the one after the last.
    bytes: (u64, u64),
    keys: Keys,
}

/// The fields of an export that are headers of the record.
const HEADERS: [(&str, &str); 19] = [
    ("id", "ce_id"),
    ("type", "ce_type"),
    ("source", "ce_source"),
    ("key", "ce_subject"),
    // The time of the envelope is not exported, and no decision depends on it.
    ("origin_time", "ce_time"),
    ("operation", "ce_operation"),
    ("correlation", "ce_correlationid"),
    ("causation", "ce_causationid"),
    ("actor", "ce_actor"),
    ("origin_time", "ce_origintime"),
    ("roles", "ce_roles"),
    ("root_operation", "ce_rootoperation"),
    ("parent_operation", "ce_parentoperation"),
    ("process_type", "ce_processtype"),
    ("process_id", "ce_processid"),
    ("time_to_live_ms", "ce_timetolive"),
    ("expected_version", "ce_expectedversion"),
    ("position", "ce_position"),
    ("cancels", "ce_cancels"),
];

impl Exported {
    /// Finds the partitions of a file, and checks that it has the commands of the aggregate type in
    /// their order.
    pub(super) fn open(path: &Path, run: &Run) -> Result<Self> {
        let topics = run.kafka.topics(run.hosted.contract);
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
        let mut sections: BTreeMap<i32, Section> = BTreeMap::new();
        let mut last = (-1, -1);
        let mut begin = 0;
        for (number, line) in (1..).zip(lines(BufReader::new(file))) {
            let line = line.with_context(|| format!("cannot read {shown}"))?;
            let at = || format!("line {number} of {shown}");
            let value: Value = serde_json::from_slice(&line).with_context(|| {
                format!("{} is not JSON; write it with `factline export`", at())
            })?;
            let (topic, partition, offset) = place(&value).with_context(at)?;
            ensure!(
                topic == topics.commands(),
                "{} is a record of {topic}, and not of {}",
                at(),
                topics.commands()
            );
            ensure!(
                (partition, offset) > last,
                "{} is not in the order of partitions and offsets, which an export has",
                at()
            );
            last = (partition, offset);
            let end = begin + line.len() as u64;
            let section = sections.entry(partition).or_insert_with(|| Section {
                bytes: (begin, end),
                keys: Keys::new(),
            });
            section.bytes.1 = end;
            begin = end;
            let key = value["key"].as_str().unwrap_or_default().as_bytes();
            if run.asked.has_key(key) {
                section.keys.insert(hash(key));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            sections,
        })
    }

    /// Returns the keys of the commands of a partition.
    pub(super) fn keys(&self, partition: i32) -> Keys {
        let section = self.sections.get(&partition);
        section
            .map(|section| section.keys.clone())
            .unwrap_or_default()
    }

    /// Returns the commands of a partition.
    pub(super) fn commands<'c>(
        &self,
        partition: i32,
        codecs: &'c OwnCodecs,
    ) -> Result<impl Iterator<Item = Result<Command, ReadError>> + use<'c>> {
        let (begin, end) = self
            .sections
            .get(&partition)
            .map_or((0, 0), |own| own.bytes);
        let shown = self.path.display().to_string();
        let mut file = File::open(&self.path).with_context(|| format!("cannot read {shown}"))?;
        file.seek(SeekFrom::Start(begin))?;
        let mut left = end - begin;
        let mut lines = lines(BufReader::new(file));
        Ok(std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let next = lines.next()?;
            let command = next.map_err(Into::into).and_then(|line| {
                left = left.saturating_sub(line.len() as u64);
                Ok(command(&serde_json::from_slice(&line)?, codecs)?)
            });
            if command.is_err() {
                left = 0;
            }
            Some(command)
        }))
    }
}

/// Returns the lines with their ends.
fn lines(mut reader: BufReader<File>) -> impl Iterator<Item = std::io::Result<Vec<u8>>> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    })
}

fn place(line: &Value) -> Result<(&str, i32, i64)> {
    let text = line["place"]
        .as_str()
        .context("the field place is missing")?;
    let parsed = || {
        let (topic, rest) = text.rsplit_once('/')?;
        let (partition, offset) = rest.split_once('@')?;
        Some((topic, partition.parse().ok()?, offset.parse().ok()?))
    };
    parsed().with_context(|| format!("the field place is not TOPIC/PARTITION@OFFSET: {text}"))
}

/// Returns a line as a command.
fn command(line: &Value, codecs: &OwnCodecs) -> Result<Command> {
    let (topic, partition, offset) = place(line)?;
    let time = line["time"].as_str().and_then(|time| time.parse().ok());
    let timestamp: Timestamp =
        time.with_context(|| format!("the field time of {topic}/{partition}@{offset} is no time"))?;
    let (value, encoding) = value(line, codecs);
    Ok(Command {
        record: Record {
            topic: topic.to_owned(),
            partition,
            offset,
            timestamp,
            key: line["key"].as_str().map(|key| key.as_bytes().to_vec()),
            headers: headers(line),
            value,
        },
        encoding,
    })
}

fn headers(line: &Value) -> Headers {
    let fields = HEADERS.iter().filter_map(|(field, header)| {
        let text = match &line[*field] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((*header, text))
    });
    fields.collect()
}

/// Returns the value: a datum of this program's schema, or the bytes that could not be decoded when
/// they were exported.
fn value(line: &Value, codecs: &OwnCodecs) -> (Option<Vec<u8>>, Encoding) {
    if let Some(bytes) = line["bytes"]
        .as_str()
        .and_then(|text| STANDARD.decode(text).ok())
    {
        return (Some(bytes), Encoding::Framed);
    }
    match datum(line, codecs) {
        Ok(datum) => (Some(datum), Encoding::OwnSchema),
        Err(error) => (None, Encoding::Unreadable(format!("{error:#}"))),
    }
}

fn datum(line: &Value, codecs: &OwnCodecs) -> Result<Vec<u8>> {
    let record = line["type"].as_str().context("the field type is missing")?;
    let codec = codecs.command(record);
    let codec = codec.with_context(|| format!("{record} is no command of this program"))?;
    let data = line.get("data").context("the field data is missing")?;
    let schema = codec.schema();
    let datum = Datum::try_from(data.clone())?.resolve(schema)?;
    let writer = GenericDatumWriter::builder(schema).build()?;
    Ok(writer.write_value_to_vec(datum)?)
}
