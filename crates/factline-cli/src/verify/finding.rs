//! Findings: the kinds of faults in a log, and the place of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::output::Row;

/// Maximum number of findings of one kind that are kept for a partition. All are counted.
const KEPT: u64 = 100;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The headers of an event or an outcome have no operation, subject or id.
    UnreadableHeaders,
    /// The partition sequence of events has a gap.
    SequenceGap,
    /// A partition sequence occurs again.
    SequenceRepeated,
    /// The versions of an aggregate have a gap.
    VersionGap,
    /// A version of an aggregate occurs again.
    VersionRepeated,
    /// The key is not the subject.
    WrongKey,
    /// The record is on another partition than its key's.
    WrongPartition,
    /// The id does not derive from aggregate and version, or from operation and state.
    WrongId,
    /// The position of the command is malformed, or names a record that is not the command.
    WrongCommandPosition,
    /// The operation of an event has no outcome.
    EventWithoutOutcome,
    /// The operation of an event was refused.
    EventOfRefused,
    /// A command has no outcome, and the handlers have passed it.
    CommandWithoutOutcome,
    /// Commands were deleted that the handlers have not decided.
    CommandsDeleted,
    /// The handlers' group has no committed offset.
    NoCommittedOffset,
    /// An operation ends again.
    EndedTwice,
    /// An operation begins to run again, or after its end.
    RunsTwice,
    /// The value cannot be decoded, or is not that of the headers.
    Undecodable,
    /// The tracker and the topics disagree about an operation.
    Tracker,
    /// A row of a view differs from the fold of the events.
    View,
    /// A view cannot apply an event.
    Unapplied,
}

/// A fault, and its place as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    #[serde(rename = "finding")]
    pub(super) kind: Kind,
    /// Type of the aggregate.
    pub(super) aggregate: String,
    /// Id of the aggregate.
    pub(super) subject: Option<String>,
    /// The record, as `topic/partition@offset`.
    pub(super) place: Option<String>,
    pub(super) operation: Option<Uuid>,
    /// The position of the command, as the record names it.
    pub(super) command: Option<String>,
    pub(super) detail: String,
}

impl Finding {
    pub(super) const HEADING: [&str; 6] = [
        "finding",
        "place",
        "aggregate",
        "operation",
        "command",
        "detail",
    ];

    pub(super) fn row(&self) -> Row {
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let subject = self.subject.as_deref().map(|id| format!(" {id}"));
        let cells = vec![
            self.kind.name(),
            or(self.place.clone()),
            format!("{}{}", self.aggregate, subject.unwrap_or_default()),
            or(self.operation.map(|id| id.to_string())),
            or(self.command.clone()),
            self.detail.clone(),
        ];
        (json!(self), cells)
    }
}

impl Kind {
    pub(super) fn name(self) -> String {
        match json!(self) {
            Value::String(name) => name,
            other => other.to_string(),
        }
    }
}

/// The findings of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Findings {
    pub(super) kept: Vec<Finding>,
    pub(super) counts: BTreeMap<Kind, u64>,
}

impl Findings {
    /// Adds a finding. A part of a log that is read again, after a crash, has the same findings.
    pub(super) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.kind).or_default();
        if *count < KEPT && self.kept.contains(&finding) {
            return;
        }
        *count += 1;
        if *count <= KEPT {
            self.kept.push(finding);
        }
    }

    /// Removes the findings of a kind.
    pub(super) fn remove(&mut self, kind: Kind) {
        self.kept.retain(|finding| finding.kind != kind);
        self.counts.remove(&kind);
    }

    pub(super) fn extend(&mut self, others: Self) {
        for (kind, count) in others.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.kept.extend(others.kept);
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}
