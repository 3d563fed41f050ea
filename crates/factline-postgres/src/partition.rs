//! Assigned partitions of this process: the progress in each, and the records that come next.
//!
//! Pure bookkeeping. It knows neither Kafka nor PostgreSQL, so that every rule about order, gaps
//! and repetitions can be tested in isolation.

use std::collections::{BTreeMap, HashMap};

use factline::Timestamp;
use factline_kafka::Record;

use crate::batch::{Batch, Treatment};
use crate::checkpoint::{Cursor, Move};
use crate::parked_keys::{MAX_PARKED_KEYS, Parked, ParkedKey, parkable_key};
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
    /// A record that cannot be handled, and whose key cannot be parked.
    #[error("the key of the record cannot be parked, because it is no text")]
    NoKey(#[source] Poison),
    /// A record that cannot be handled, after those of many other keys.
    #[error("{MAX_PARKED_KEYS} keys of the partition are parked, which is the maximum")]
    TooManyParked(#[source] Poison),
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

impl Stop {
    /// Returns the offset of the record at which the partition is halted. `None` if the log does
    /// not have the records that come next.
    pub(crate) fn record(&self) -> Option<i64> {
        match self {
            Self::Poison(poison) | Self::NoKey(poison) | Self::TooManyParked(poison) => {
                Some(poison.offset)
            }
            Self::Gap { offset, .. } | Self::NoSequence { offset } => Some(*offset),
            Self::Recreated { .. } | Self::Deleted { .. } | Self::Truncated { .. } => None,
        }
    }
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
    parked: Parked,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Partitions(HashMap<String, BTreeMap<i32, Partition>>);

impl Partitions {
    /// Adds a partition at its checkpoint.
    pub(crate) fn insert(
        &mut self,
        key: &TopicPartition,
        kind: TopicKind,
        cursor: Cursor,
        parked: Parked,
        stopped: bool,
    ) {
        let partition = Partition {
            kind,
            applied: cursor.clone(),
            ahead: cursor,
            stale: None,
            stopped,
            parked,
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
                expected_redrives: partition.parked.redrives,
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
                    let treatment = partition.treatment(&record);
                    batch.push(record, partition.ahead.clone(), treatment);
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
        for (record, step) in batch.records.iter().zip(&batch.steps) {
            last.insert((&record.topic, record.partition), &step.after);
        }
        let known = last.into_iter().filter_map(|((topic, number), to)| {
            let partition = self.0.get(topic)?.get(&number)?;
            Some(Move {
                topic: topic.to_owned(),
                partition: number,
                expected_offset: partition.applied.next_offset,
                expected_redrives: partition.parked.redrives,
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

    /// Parks the key of a record that cannot be handled. If the partition must halt instead,
    /// returns the reason.
    pub(crate) fn park(&mut self, record: &Record, poison: Poison, now: Timestamp) -> Option<Stop> {
        let Some(partition) = self.get_mut(&record.topic, record.partition) else {
            return Some(poison.into());
        };
        let Some(key) = parkable_key(record) else {
            return Some(Stop::NoKey(poison));
        };
        let keys = &mut partition.parked.keys;
        if keys.len() >= MAX_PARKED_KEYS && !keys.contains_key(key.as_bytes()) {
            return Some(Stop::TooManyParked(poison));
        }
        let parked = keys.entry(key.as_bytes().to_vec()).or_insert(ParkedKey {
            first: record.offset,
            records: 0,
            since: now,
        });
        // A batch may find a later record of the key first.
        parked.first = parked.first.min(record.offset);
        None
    }

    /// Counts the records of a batch that were parked.
    pub(crate) fn count_parked(&mut self, batch: &Batch) {
        for (record, step) in batch.set_aside() {
            let key = record.key.as_deref().unwrap_or_default();
            if matches!(step.treatment, Treatment::Park { .. })
                && let Some(partition) = self.get_mut(&record.topic, record.partition)
                && let Some(parked) = partition.parked.keys.get_mut(key)
            {
                parked.records += 1;
            }
        }
    }

    /// Returns the parked keys of all assigned partitions.
    pub(crate) fn parked(&self) -> impl Iterator<Item = &ParkedKey> {
        let all = self.0.values().flat_map(BTreeMap::values);
        all.flat_map(|partition| partition.parked.keys.values())
    }

    pub(crate) fn contains(&self, key: &TopicPartition) -> bool {
        self.0
            .get(&key.0)
            .is_some_and(|topic| topic.contains_key(&key.1))
    }

    /// Returns the offset and the number of redrives that the checkpoint of a partition must have.
    pub(crate) fn fence(&self, key: &TopicPartition) -> Option<(i64, i64)> {
        let partition = self.0.get(&key.0)?.get(&key.1)?;
        Some((partition.applied.next_offset, partition.parked.redrives))
    }

    /// Returns the sequence of the last event of a partition that was applied.
    pub(crate) fn sequence(&self, key: &TopicPartition) -> Option<u64> {
        let partition = self.0.get(&key.0)?.get(&key.1)?;
        Some(partition.applied.sequence)
    }

    /// Returns the parked keys of a partition, if it is assigned.
    pub(crate) fn parked_mut(&mut self, key: &TopicPartition) -> Option<&mut Parked> {
        let partition = self.get_mut(&key.0, key.1)?;
        Some(&mut partition.parked)
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

    fn treatment(&self, record: &Record) -> Treatment {
        let key = record.key.as_deref();
        if !self.parked.keys.is_empty() && key.is_some_and(|key| self.parked.keys.contains_key(key))
        {
            Treatment::Park { cause: None }
        } else {
            Treatment::Apply
        }
    }
}

/// Returns the event's partition sequence. The rest of the envelope is left to the sink.
pub(crate) fn sequence(record: &Record) -> Option<u64> {
    let value = record.headers.last("ce_partitionsequence")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
