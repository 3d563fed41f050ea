//! The histories of imported events: each event continues its aggregate and its partition.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use factline::{Contract, Envelope, Timestamp, id};
use factline_kafka::Record;
use factline_kafka::topics::partition_of;

use super::line::Line;

/// `ce_source` of events that name none.
const SOURCE: &str = "/factline/import";

/// The events so far.
pub(super) struct History {
    contract: &'static Contract,
    topic: String,
    versions: HashMap<String, u64>,
    partitions: HashMap<i32, End>,
}

/// The last event of a partition.
#[derive(Default)]
struct End {
    sequence: u64,
    time: Option<Timestamp>,
}

impl History {
    pub(super) fn new(contract: &'static Contract, topic: &str) -> Self {
        Self {
            contract,
            topic: topic.to_owned(),
            versions: HashMap::new(),
            partitions: HashMap::new(),
        }
    }

    pub(super) fn aggregates(&self) -> usize {
        self.versions.len()
    }

    /// Returns the record of the next event of the file.
    ///
    /// # Errors
    /// If it does not continue its aggregate or its partition.
    pub(super) fn next(&mut self, line: &Line, value: Vec<u8>) -> Result<Record> {
        let Contract {
            aggregate,
            partitions,
            ..
        } = *self.contract;
        ensure!(!line.key.is_empty(), "the key is empty");
        let known = self.versions.get(&line.key).copied().unwrap_or_default();
        let version = line.version.unwrap_or(known + 1);
        ensure!(
            version == known + 1,
            "{} has the version {version}, expected {}",
            line.key,
            known + 1
        );
        let derived = id::event(aggregate, &line.key, version);
        ensure!(
            line.id.is_none_or(|id| id == derived),
            "the id is not that of {} with the version {version}, which is {derived}",
            line.key
        );
        let partition = partition_of(line.key.as_bytes(), partitions);
        let end = self.partitions.entry(partition).or_default();
        // Records have milliseconds, and a search by time finds the first record of a time.
        let time = Timestamp::from_timestamp_millis(line.time.timestamp_millis());
        let time = time.context("the time is out of range")?;
        ensure!(
            time.timestamp_millis() >= 0 && time <= chrono::Utc::now(),
            "the time {time} is not in the past since 1970"
        );
        ensure!(
            end.time.is_none_or(|before| before <= time),
            "the time {time} is before that of an event before it, in the same partition: sort the \
             file by time"
        );
        end.sequence += 1;
        end.time = Some(time);
        self.versions.insert(line.key.clone(), version);
        let operation = line
            .operation
            .unwrap_or_else(|| id::imported(aggregate, &line.key, version));
        let source = line.source.as_deref().unwrap_or(SOURCE);
        let envelope = Envelope {
            id: derived,
            time,
            sequence: Some(version),
            partition_sequence: Some(end.sequence),
            correlation: line.correlation.unwrap_or(operation),
            causation: line.causation.unwrap_or(operation),
            root_operation: line.root_operation,
            parent_operation: line.parent_operation,
            process_type: line.process_type.clone(),
            process_id: line.process_id.clone(),
            opens: line.opens.clone(),
            concludes: line.concludes,
            retry_of: line.retry_of,
            cancels: line.cancels,
            origin_time: line.origin_time.unwrap_or(time),
            command_position: line.command_position.clone(),
            position: line.position.clone(),
            traceparent: line.traceparent.clone(),
            ..Envelope::of_command(operation, &line.record, source, &line.key, time)
        };
        let envelope = Envelope {
            actor: line.actor.clone().unwrap_or(envelope.actor),
            ..envelope
        };
        Ok(Record {
            topic: self.topic.clone(),
            partition,
            offset: i64::try_from(end.sequence - 1).unwrap_or(i64::MAX),
            timestamp: time,
            key: Some(line.key.clone().into_bytes()),
            headers: envelope.to_headers().into_iter().collect(),
            value: Some(value),
        })
    }
}
