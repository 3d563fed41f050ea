//! Assigned partitions of this process: the progress in each, and the records that come next.
//!
//! Pure bookkeeping. It knows neither Kafka nor PostgreSQL, so that every rule about order, gaps
//! and repetitions can be tested in isolation.

use std::collections::{BTreeMap, HashMap};

use factline_kafka::Record;

use crate::checkpoint::{Cursor, Move};
use crate::sink::Poison;
use factline_kafka::consumer::group::TopicPartition;

/// Kind of a topic, which determines the rules for its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicKind {
    /// Events, which are never deleted. They are numbered without a gap within a partition and
    /// followed from the first one.
    Events,
    /// Records without numbers, which retention deletes. They are followed from the oldest one that
    /// exists.
    Records,
}

/// Reason why a partition is halted.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A record that cannot be handled.
    #[error(transparent)]
    Poison(#[from] Poison),
    /// An event is missing.
    #[error(
        "event {found} at offset {offset} comes after event {last}: events between them are missing"
    )]
    Gap {
        /// Sequence of the last event applied.
        last: u64,
        /// Sequence of the event that was read.
        found: u64,
        /// Its offset.
        offset: i64,
    },
    /// An event without a number.
    #[error("event at offset {offset} has no header ce_partitionsequence that is a whole number")]
    NoSequence {
        /// Its offset.
        offset: i64,
    },
    /// The topic is not the one for which the checkpoint was written.
    #[error("topic was recreated: its identity is {found}, the checkpoint's is {expected}")]
    Recreated {
        /// Identity in the checkpoint.
        expected: String,
        /// Identity of the topic.
        found: String,
    },
    /// Records were deleted before they were read.
    #[error("log begins at offset {begins}, but record {next} was not read yet")]
    Deleted {
        /// First offset of the log.
        begins: i64,
        /// Offset to be read next.
        next: i64,
    },
    /// Records that were read no longer exist. Brokers lost them, and other records may have taken
    /// their offsets.
    #[error("log ends at offset {ends}, but records up to {next} were read")]
    Truncated {
        /// End of the log.
        ends: i64,
        /// Offset to be read next.
        next: i64,
    },
}

/// One assigned partition.
#[derive(Debug)]
struct Partition {
    kind: TopicKind,
    /// Progress that is committed in the checkpoint.
    applied: Cursor,
    /// Progress after the current batch is committed.
    ahead: Cursor,
    /// Position that the consumer reported when the partition was started. It is outdated.
    stale: Option<i64>,
    stopped: bool,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Partitions(HashMap<String, BTreeMap<i32, Partition>>);

/// Records to apply, each with the cursor of its partition after it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    after: Vec<Cursor>,
}

impl Partitions {
    /// Adds a partition at its checkpoint.
    pub(crate) fn insert(
        &mut self,
        key: &TopicPartition,
        kind: TopicKind,
        cursor: Cursor,
        stopped: bool,
    ) {
        let partition = Partition {
            kind,
            applied: cursor.clone(),
            ahead: cursor,
            stale: None,
            stopped,
        };
        let topic = self.0.entry(key.0.clone()).or_default();
        topic.insert(key.1, partition);
    }

    /// Adds all partitions of another set.
    pub(crate) fn extend(&mut self, others: Self) {
        for (topic, partitions) in others.0 {
            self.0.entry(topic).or_default().extend(partitions);
        }
    }

    pub(crate) fn remove(&mut self, key: &TopicPartition) {
        if let Some(topic) = self.0.get_mut(&key.0) {
            topic.remove(&key.1);
        }
    }

    pub(crate) fn stop(&mut self, key: &TopicPartition) {
        if let Some(partition) = self.get_mut(&key.0, key.1) {
            partition.stopped = true;
        }
    }

    /// Stores the positions that the consumer reports before it has fetched anything.
    pub(crate) fn begun(&mut self, positions: &[(TopicPartition, i64)]) {
        for ((topic, number), position) in positions {
            if let Some(partition) = self.get_mut(topic, *number) {
                partition.stale = Some(*position);
            }
        }
    }

    /// Returns the checkpoint moves past transaction markers, from the consumer's positions.
    /// Partitions with records in the current batch are left out. Partitions of events are left out
    /// too, because events are never deleted.
    pub(crate) fn past(&self, positions: &[(TopicPartition, i64)]) -> Vec<Move> {
        let moves = positions.iter().filter_map(|((topic, number), position)| {
            let partition = self.0.get(topic)?.get(number)?;
            let applied = &partition.applied;
            let idle = partition.ahead == *applied && !partition.stopped;
            let news = partition.stale != Some(*position) && *position > applied.next_offset;
            let passes = partition.kind == TopicKind::Records && idle && news;
            passes.then(|| Move {
                topic: topic.clone(),
                partition: *number,
                expected_offset: applied.next_offset,
                to: Cursor {
                    next_offset: *position,
                    ..applied.clone()
                },
            })
        });
        moves.collect()
    }

    /// Returns every assigned partition and its checkpoint.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TopicPartition, &Cursor)> {
        let all = self.assigned();
        all.map(|(key, partition)| (key, &partition.applied))
    }

    /// Returns every partition that is not halted, with its next offset. The offset is `None` if
    /// records of the partition were polled.
    pub(crate) fn followed(&self, polled: &[Record]) -> Vec<(TopicPartition, Option<i64>)> {
        let followed = self.assigned().filter(|(_, partition)| !partition.stopped);
        let followed = followed.map(|(key, partition)| {
            let came = polled.iter().any(|record| record.is_of(&key));
            let next = (!came).then_some(partition.applied.next_offset);
            (key, next)
        });
        followed.collect()
    }

    fn assigned(&self) -> impl Iterator<Item = (TopicPartition, &Partition)> {
        self.0.iter().flat_map(|(topic, partitions)| {
            let partitions = partitions.iter();
            partitions.map(move |(number, partition)| ((topic.clone(), *number), partition))
        })
    }

    /// Filters the polled records. Records of unassigned or halted partitions and records that were
    /// already applied are dropped. A partition halts if its next event does not have the expected
    /// sequence.
    pub(crate) fn admit(&mut self, polled: Vec<Record>) -> (Batch, Vec<(TopicPartition, Stop)>) {
        for partition in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            partition.ahead = partition.applied.clone();
        }
        let (mut batch, mut stops) = (Batch::default(), Vec::new());
        for record in polled {
            let Some(partition) = self.get_mut(&record.topic, record.partition) else {
                continue;
            };
            match partition.admit(&record) {
                Ok(true) => {
                    batch.after.push(partition.ahead.clone());
                    batch.records.push(record);
                }
                Ok(false) => {}
                Err(stop) => {
                    partition.stopped = true;
                    stops.push(((record.topic, record.partition), stop));
                }
            }
        }
        (batch, stops)
    }

    /// Returns the checkpoint moves that belong to a batch.
    pub(crate) fn moves(&self, batch: &Batch) -> Vec<Move> {
        let mut last: BTreeMap<(&str, i32), &Cursor> = BTreeMap::new();
        for (record, after) in batch.records.iter().zip(&batch.after) {
            last.insert((&record.topic, record.partition), after);
        }
        let known = last.into_iter().filter_map(|((topic, number), to)| {
            let partition = self.0.get(topic)?.get(&number)?;
            Some(Move {
                topic: topic.to_owned(),
                partition: number,
                expected_offset: partition.applied.next_offset,
                to: to.clone(),
            })
        });
        known.collect()
    }

    /// Applies moves that were committed.
    pub(crate) fn advance(&mut self, moves: Vec<Move>) {
        for step in moves {
            if let Some(partition) = self.get_mut(&step.topic, step.partition) {
                partition.applied = step.to;
            }
        }
    }

    fn get_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        self.0.get_mut(topic)?.get_mut(&partition)
    }
}

impl Partition {
    fn admit(&mut self, record: &Record) -> Result<bool, Stop> {
        let offset = record.offset;
        if self.stopped || offset < self.ahead.next_offset {
            return Ok(false);
        }
        let sequence = match self.kind {
            TopicKind::Records => 0,
            TopicKind::Events => {
                let last = self.ahead.sequence;
                match sequence(record).ok_or(Stop::NoSequence { offset })? {
                    found if found <= last => {
                        tracing::warn!(
                            record = record.place(),
                            found,
                            last,
                            "skipping a repeated event"
                        );
                        return Ok(false);
                    }
                    found if found == last + 1 => found,
                    found => {
                        return Err(Stop::Gap {
                            last,
                            found,
                            offset,
                        });
                    }
                }
            }
        };
        self.ahead = Cursor {
            next_offset: offset + 1,
            sequence,
            event_time: Some(record.timestamp),
        };
        Ok(true)
    }
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Removes the second half and returns it.
    pub(crate) fn split(&mut self) -> Self {
        let half = self.records.len().div_ceil(2);
        Self {
            records: self.records.split_off(half),
            after: self.after.split_off(half),
        }
    }

    /// Drops a partition's records from an offset on.
    pub(crate) fn cut(&mut self, key: &TopicPartition, offset: i64) {
        let kept = std::mem::take(self);
        for (record, after) in kept.records.into_iter().zip(kept.after) {
            if !(record.is_of(key) && record.offset >= offset) {
                self.records.push(record);
                self.after.push(after);
            }
        }
    }
}

/// Returns the event's partition sequence. The rest of the envelope is left to the sink.
fn sequence(record: &Record) -> Option<u64> {
    let value = record.headers.last("ce_partitionsequence")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
