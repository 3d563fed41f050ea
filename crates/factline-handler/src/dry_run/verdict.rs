//! The verdict about one decision.

use factline::Timestamp;
use factline::outcome::OutcomeKind;
use serde_json::Value;
use uuid::Uuid;

use super::result::DecisionResult;

/// The verdict about a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// This program decides the same.
    Same,
    /// This program decides the same events. The outcome is deleted, and so it was not compared.
    SameEvents,
    /// This program decides something else.
    Differs(Box<Difference>),
    /// The decision was not compared.
    Skipped(Box<Skipped>),
}

/// A decision that would differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Command or deadline.
    pub kind: OutcomeKind,
    /// Type of the command.
    pub command: String,
    /// Id of the aggregate.
    pub key: String,
    /// Position of the command's record; that of its outcome if it is a deadline.
    pub place: String,
    /// The time at which it was decided.
    pub time: Timestamp,
    /// Its operation.
    pub operation: Uuid,
    /// The actor on whose behalf it was decided.
    pub actor: String,
    /// The aggregate's version before the decision.
    pub version: u64,
    /// Value of the command; none for a deadline, and if it cannot be read.
    pub data: Option<Value>,
    /// The recorded result.
    pub old: DecisionResult,
    /// The result by this program; none for a deadline that this program would not have set, or
    /// that would not be due.
    pub new: Option<DecisionResult>,
    /// The first field in which the results differ.
    pub field: String,
}

/// A decision that was not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The reason.
    pub reason: Reason,
    /// Position of the command's record, or that of its outcome.
    pub place: String,
    /// The cause, if more is known than the reason.
    pub detail: Option<String>,
}

/// Reason why a decision was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The record of the command is deleted, or not in the export.
    NoCommand,
    /// The command has neither an outcome nor events: its outcome is deleted, or the same command
    /// was sent twice.
    NoOutcome,
    /// The command had not been decided when the run began.
    Undecided,
    /// The kit has refused or cancelled the command by its own checks, before or after the rules.
    Kit,
    /// The recorded outcome cannot be read.
    UnreadableOutcome,
    /// The command of an export is none of this program's commands.
    UnreadableCommand,
    /// This program cannot fold the events before the decision, or read those of the decision.
    UnreadableEvents,
    /// The events do not lead to the version that the outcome names.
    OtherVersion,
    /// The rules decide the same command differently each time.
    NotDeterministic,
}

impl Reason {
    /// Returns the name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCommand => "no_command",
            Self::NoOutcome => "no_outcome",
            Self::Undecided => "undecided",
            Self::Kit => "refused_by_kit",
            Self::UnreadableOutcome => "unreadable_outcome",
            Self::UnreadableCommand => "unreadable_command",
            Self::UnreadableEvents => "unreadable_events",
            Self::OtherVersion => "other_version",
            Self::NotDeterministic => "not_deterministic",
        }
    }

    /// Returns whether the decision should have been compared: the records are there.
    pub fn is_failure(self) -> bool {
        match self {
            Self::NoCommand | Self::NoOutcome | Self::Undecided | Self::Kit => false,
            Self::UnreadableOutcome
            | Self::UnreadableCommand
            | Self::UnreadableEvents
            | Self::OtherVersion
            | Self::NotDeterministic => true,
        }
    }
}
