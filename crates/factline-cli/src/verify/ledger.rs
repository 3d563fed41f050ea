//! The checks of one partition of an aggregate type: its commands, then its outcomes, then its
//! events. Pure, and independent of the order in which partitions are read.
//!
//! All of a command is on one partition: its record, its outcome and its events. So partitions are
//! checked side by side, and nothing is compared between them.

mod aggregate_id;
mod events;
mod outcomes;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use factline::outcome::State;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::aggregate_id::AggregateId;
pub(super) use self::saved::Saved;
use super::finding::{Finding, Findings, Kind};
use super::headers::{Fact, Place};

/// Tolerance between the clocks of brokers and handlers, in milliseconds. Handlers have the same.
const CLOCKS: i64 = 60_000;

/// The names of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) aggregate: &'static str,
    /// Number of partitions of the aggregate's topics.
    pub(super) partitions: i32,
    pub(super) partition: i32,
    pub(super) commands: String,
    pub(super) events: String,
    pub(super) outcomes: String,
}

/// Knowledge about a partition.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) names: Names,
    pub(super) findings: Findings,
    /// The partition sequence of the last event.
    sequence: u64,
    /// The version of each aggregate.
    versions: HashMap<AggregateId, u64>,
    /// Operations with a terminal outcome that is still kept.
    pub(super) ended: HashMap<Uuid, End>,
    /// Operations that run, with the offsets of their outcomes.
    pub(super) running: HashMap<Uuid, i64>,
    /// Time of the first outcome that is still kept: outcomes before it may have been deleted.
    pub(super) outcomes_since: Option<i64>,
    /// The retained commands, by offset from the first.
    pub(super) commands: Commands,
    /// Outcomes that name the command of another operation, by their operation: an event of that
    /// command must conclude it.
    doubtful: HashMap<Uuid, Doubt>,
}

/// An outcome that is wrong unless an event explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Doubt {
    /// Offset of the command.
    command: i64,
    finding: Finding,
}

/// Fault of the position of a command.
#[derive(Debug, PartialEq, Eq)]
struct Misplaced {
    detail: String,
    /// Offset of the command of another operation that is there.
    other: Option<i64>,
}

impl From<&str> for Misplaced {
    fn from(detail: &str) -> Self {
        Self {
            detail: detail.to_owned(),
            other: None,
        }
    }
}

/// The terminal outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) offset: i64,
    /// Seconds since 1970.
    pub(super) time: u32,
    pub(super) state: State,
    /// `true` if the operation ran before it ended.
    pub(super) ran: bool,
}

/// The commands of a partition, from one offset on.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) first: i64,
    /// Operation and append time in seconds; the nil operation if no record has the offset.
    records: Vec<(Uuid, u32)>,
}

impl Commands {
    fn push(&mut self, offset: i64, operation: Uuid, time: i64) {
        if self.records.is_empty() {
            self.first = offset;
        }
        let index = usize::try_from(offset - self.first).unwrap_or(usize::MAX);
        if index >= self.records.len() {
            self.records.resize(index, (Uuid::nil(), 0));
            self.records.push((operation, seconds(time)));
        }
    }

    /// Returns the operation and the append time of the command at an offset, in seconds.
    fn at(&self, offset: i64) -> Option<(Uuid, u32)> {
        let index = usize::try_from(offset - self.first).ok()?;
        let found = self.records.get(index).copied();
        found.filter(|(operation, _)| !operation.is_nil())
    }

    fn end(&self) -> i64 {
        self.first + i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    /// Returns offset, operation and append time of each command below an offset.
    pub(super) fn below(&self, end: i64) -> impl Iterator<Item = (i64, Uuid, u32)> {
        let all = (self.first..end).zip(&self.records);
        all.filter(|(_, (operation, _))| !operation.is_nil())
            .map(|(offset, (operation, time))| (offset, *operation, *time))
    }
}

/// Returns seconds since 1970, limited to what fits.
fn seconds(milliseconds: i64) -> u32 {
    u32::try_from((milliseconds / 1000).max(0)).unwrap_or(u32::MAX)
}

impl Ledger {
    pub(super) fn new(names: Names) -> Self {
        Self {
            names,
            findings: Findings::default(),
            sequence: 0,
            versions: HashMap::new(),
            ended: HashMap::new(),
            running: HashMap::new(),
            outcomes_since: None,
            commands: Commands::default(),
            doubtful: HashMap::new(),
        }
    }

    /// Returns the number of aggregates.
    pub(super) fn aggregates(&self) -> usize {
        self.versions.len()
    }

    /// Reads a command. Commands come before outcomes and events.
    pub(super) fn command(&mut self, fact: &Fact<'_>) {
        let operation = fact.operation_of_command(&self.names.commands, self.names.partition);
        self.commands.push(fact.offset, operation, fact.time);
    }

    /// Checks that each command below the handlers' committed offset has an outcome, if its outcome
    /// must still be there: `is_complete` says that no outcome was ever deleted.
    pub(super) fn check_commands(&mut self, committed: i64, is_complete: bool) {
        let since = self.outcomes_since.map(|since| seconds(since + CLOCKS));
        let since = if is_complete { Some(0) } else { since };
        let Some(since) = since else {
            return;
        };
        // A repeated command has no outcome of its own: that of its operation counts.
        let unanswered = self
            .commands
            .below(committed)
            .filter(|(_, operation, time)| {
                let answered =
                    self.ended.contains_key(operation) || self.running.contains_key(operation);
                !answered && *time >= since
            });
        let unanswered: Vec<(i64, Uuid, u32)> = unanswered.collect();
        for (offset, operation, _) in unanswered {
            let place = self.place_of(&self.names.commands, offset);
            let finding = Finding {
                operation: Some(operation),
                command: Some(place.clone()),
                place: Some(place),
                ..self.finding(
                    Kind::CommandWithoutOutcome,
                    format!("no outcome, and the handlers have committed the offset {committed}"),
                )
            };
            self.findings.add(finding);
        }
    }

    /// Checks the position of the command in an event or an outcome. Returns the reason if it is
    /// wrong.
    ///
    /// A position from before a restore of the log names an offset that another command may have
    /// now. Such a command was appended after the decision, and is no evidence.
    fn check_place(&self, fact: &Fact<'_>, operation: Uuid) -> Result<(), Misplaced> {
        let place = match fact.place() {
            // Deadlines have no command.
            None => return Ok(()),
            Some(Ok(place)) => place,
            Some(Err(_)) => return Err("the position of the command is malformed".into()),
        };
        let Place {
            topic,
            partition,
            offset,
        } = place;
        let suffix = topic.strip_suffix(".commands");
        if !suffix.is_some_and(|known| known.ends_with(self.names.aggregate)) {
            return Err("the command is not one of this aggregate type".into());
        }
        // A record from before a copy of the log names a topic that may have other partitions.
        if topic != self.names.commands {
            return Ok(());
        }
        if partition != self.names.partition {
            return Err("the command is on another partition".into());
        }
        if let Some((found, appended)) = self.commands.at(offset) {
            let is_older = fact.time + CLOCKS < i64::from(appended) * 1000;
            if found != operation && !is_older {
                return Err(Misplaced {
                    detail: format!("the command there is of operation {found}"),
                    other: Some(offset),
                });
            }
        } else if offset >= self.commands.end()
            && let Some((_, last)) = self.commands.at(self.commands.end() - 1)
            && fact.time > i64::from(last) * 1000 + CLOCKS
        {
            return Err("no command has this offset".into());
        }
        Ok(())
    }

    /// Returns a finding without a place.
    pub(super) fn finding(&self, kind: Kind, detail: String) -> Finding {
        Finding {
            kind,
            aggregate: self.names.aggregate.to_owned(),
            subject: None,
            place: None,
            operation: None,
            command: None,
            detail,
        }
    }

    /// Adds a finding about a record.
    pub(super) fn found(&mut self, kind: Kind, topic: Topic, fact: &Fact<'_>, detail: String) {
        let finding = self.finding_about(kind, topic, fact, detail);
        self.findings.add(finding);
    }

    fn finding_about(&self, kind: Kind, topic: Topic, fact: &Fact<'_>, detail: String) -> Finding {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let topic = match topic {
            Topic::Events => &self.names.events,
            Topic::Outcomes => &self.names.outcomes,
        };
        Finding {
            subject: fact.subject.or(fact.key).map(text),
            place: Some(self.place_of(topic, fact.offset)),
            operation: fact.operation(),
            command: fact.command_position.map(text),
            ..self.finding(kind, detail)
        }
    }

    pub(super) fn place_of(&self, topic: &str, offset: i64) -> String {
        format!("{topic}/{}@{offset}", self.names.partition)
    }
}

/// A topic that only the handler writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Events,
    Outcomes,
}
