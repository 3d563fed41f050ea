//! Status updates: the effect of one record on one operation, read from the record's envelope.
//!
//! Any client may append a command, so no command's record may halt the tracker. A command with
//! headers that cannot be read still gets an operation, and the handler derives its id in the same
//! way ([`Record::operation`]). Texts and times are cut to what the database can store. Only
//! handlers write outcomes. An outcome that cannot be read is a fault, and halts its partition.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta};
use factline::envelope::ANONYMOUS;
use factline::outcome::{OutcomeKind, State};
use factline::{Envelope, Timestamp};
use factline_kafka::{Record, Registry, records::decode};
use uuid::Uuid;

/// The topic, partition and offset of a record, ordered in this sequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct RecordId {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

/// A status update, read from one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// The operation.
    pub id: Uuid,
    /// The location of the record.
    pub record_id: RecordId,
    /// The origin of the operation: `command`, or `deadline` for a deadline that came due.
    pub kind: &'static str,
    /// The state of the operation after this record; never [`State::Unknown`].
    pub state: State,
    /// The command's type, or the deadline's name.
    pub name: String,
    /// Type of the aggregate that the command is addressed to.
    pub aggregate: String,
    /// Id of that aggregate.
    pub resource_id: Option<String>,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// Explanation of the code for people.
    pub reason: Option<String>,
    /// The user who sent the command.
    pub user_id: String,
    /// The aggregate's version after the decision.
    pub version: Option<i64>,
    /// The position that a read has to wait for.
    pub position: Option<String>,
    /// The operation whose fact led to this one.
    pub parent: Option<Uuid>,
    /// The operation that began the workflow.
    pub root: Option<Uuid>,
    /// The operation that this one repeats.
    pub retry_of: Option<Uuid>,
    /// Time after which the command is no longer wanted.
    pub expires_at: Option<Timestamp>,
    /// Time at which the edge accepted the command.
    pub created_at: Timestamp,
    /// Time at which the record was written.
    pub updated_at: Timestamp,
    /// The record by which the operation became pending, if it is known.
    pub pending: Option<Step>,
    /// The record by which it became running, if it is known.
    pub running: Option<Step>,
}

/// A record by which an operation reached a state. Of two such records the lower one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Partition number, in the topic of the aggregate's commands or outcomes.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// Time at which the record was written.
    pub at: Timestamp,
}

/// A failure to read a record as an outcome.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOutcome {
    /// The record cannot be decoded, at least for now.
    #[error(transparent)]
    Decode(#[from] decode::Error),
    /// The state is from a later version of Factline.
    #[error("operation {operation} has a state that this version does not know")]
    UnknownState {
        /// The operation.
        operation: Uuid,
    },
}

impl InvalidOutcome {
    /// Returns whether the same record may be readable later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Decode(error) if error.is_transient())
    }
}

impl StatusUpdate {
    /// Reads a command's record. The operation becomes pending.
    pub fn of_command(aggregate: &str, record: &Record) -> Self {
        let pending = Self::of_unreadable_command(aggregate, record);
        let Ok(envelope) = record.envelope() else {
            return pending;
        };
        Self {
            name: storable(&envelope.record),
            resource_id: Some(storable(&envelope.subject)),
            user_id: storable(&envelope.actor),
            parent: envelope.parent_operation,
            root: envelope.root_operation,
            retry_of: envelope.retry_of,
            expires_at: expires_at(&envelope),
            created_at: in_range(envelope.origin_time),
            ..pending
        }
    }

    /// Returns an update with the values that are known without an envelope.
    fn of_unreadable_command(aggregate: &str, record: &Record) -> Self {
        let appended_at = in_range(record.timestamp);
        Self {
            id: record.operation(),
            record_id: RecordId::of(record),
            kind: COMMAND,
            state: State::Pending,
            name: UNKNOWN.to_owned(),
            aggregate: aggregate.to_owned(),
            resource_id: None,
            code: None,
            reason: None,
            user_id: ANONYMOUS.to_owned(),
            version: None,
            position: None,
            parent: None,
            root: None,
            retry_of: None,
            expires_at: None,
            created_at: appended_at,
            updated_at: appended_at,
            pending: Some(Step::of(record)),
            running: None,
        }
    }

    /// Reads an outcome's record. The operation gets the state that the handler reports.
    pub async fn of_outcome(
        registry: &Registry,
        aggregate: &str,
        record: &Record,
    ) -> Result<Self, InvalidOutcome> {
        let (envelope, outcome) = decode::outcome(registry, record).await?;
        let operation = outcome.operation_id;
        if outcome.state == State::Unknown {
            return Err(InvalidOutcome::UnknownState { operation });
        }
        Ok(Self {
            id: operation,
            record_id: RecordId::of(record),
            kind: match outcome.kind {
                OutcomeKind::Deadline => OutcomeKind::Deadline.as_str(),
                OutcomeKind::Command | OutcomeKind::Unknown => COMMAND,
            },
            state: outcome.state,
            name: storable(&outcome.name),
            aggregate: aggregate.to_owned(),
            resource_id: outcome.resource.as_deref().map(storable),
            code: outcome.code.as_deref().map(storable),
            reason: outcome.reason.as_deref().map(storable),
            user_id: storable(&outcome.actor),
            version: outcome.version,
            position: outcome.position.as_deref().map(storable),
            parent: outcome.parent.or(envelope.parent_operation),
            root: envelope.root_operation,
            retry_of: outcome.retry_of.or(envelope.retry_of),
            expires_at: None,
            created_at: in_range(
                DateTime::from_timestamp_micros(outcome.created_at).unwrap_or(record.timestamp),
            ),
            updated_at: in_range(record.timestamp),
            pending: None,
            running: (outcome.state == State::Running).then(|| Step::of(record)),
        })
    }

    /// Returns the rank of the state: 0 pending, 1 running, 2 terminal.
    pub fn rank(&self) -> i16 {
        rank(self.state)
    }

    /// Returns whether the operation's row shows this update when both records are known. The
    /// higher rank wins. Within a rank the record with the lower location wins. The order is total,
    /// so records can come in any order and any number of times.
    pub fn beats(&self, other: &Self) -> bool {
        (self.rank(), Reverse(&self.record_id)) > (other.rank(), Reverse(&other.record_id))
    }
}

impl RecordId {
    fn of(record: &Record) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
        }
    }
}

impl Step {
    fn of(record: &Record) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            at: in_range(record.timestamp),
        }
    }
}

/// Returns the time at which a command's time to live ends.
fn expires_at(envelope: &Envelope) -> Option<Timestamp> {
    let wanted = TimeDelta::try_milliseconds(envelope.time_to_live_ms?.try_into().ok()?)?;
    let end = envelope.origin_time.checked_add_signed(wanted)?;
    Some(in_range(end))
}

/// Returns the rank of a state: 0 pending, 1 running, 2 terminal.
pub(crate) fn rank(state: State) -> i16 {
    match state {
        State::Unknown | State::Pending => 0,
        State::Running => 1,
        State::Completed | State::Rejected | State::Failed | State::TimedOut | State::Cancelled => {
            2
        }
    }
}

/// The kind of almost all operations.
const COMMAND: &str = "command";

/// The name of an operation whose command does not state its type. The handler uses the same word.
const UNKNOWN: &str = "unknown";

/// Replaces NUL, the only character that a PostgreSQL text cannot contain.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Limits a time to instants that both Rust and PostgreSQL can represent. The clock of a foreign
/// producer may be arbitrarily wrong.
fn in_range(time: Timestamp) -> Timestamp {
    let last = Timestamp::UNIX_EPOCH + TimeDelta::days(2_900_000); // in the year 9909
    time.clamp(Timestamp::UNIX_EPOCH, last)
}
