//! What one record says of one operation, read from its envelope.
//!
//! Everybody may append a command, so nothing in a command's record may stop the tracker: headers that cannot be
//! read still make an operation, whose id the handler derives in the same way ([`Record::operation`]), and texts and
//! times are cut to what the database can hold. Outcomes are written by handlers only; one that cannot be read is
//! a fault, and stops its partition.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta};
use factline::Timestamp;
use factline::envelope::ANONYMOUS;
use factline::outcome::{OutcomeKind, State};
use factline_kafka::{Record, Registry, records::decode};
use uuid::Uuid;

/// Where a record stands; the lower of two comes first in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The operation.
    pub id: Uuid,
    /// The record.
    pub place: Place,
    /// What began the operation: `command`, or `deadline` for one that came due.
    pub kind: &'static str,
    /// Where the operation stood then; never [`State::Unknown`].
    pub state: State,
    /// The command's type, or the deadline's name.
    pub name: String,
    /// Type of the aggregate that it is addressed to.
    pub aggregate: String,
    /// Id of that aggregate.
    pub resource_id: Option<String>,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// The same for people.
    pub reason: Option<String>,
    /// Who asked.
    pub user_id: String,
    /// The aggregate's version after the decision.
    pub version: Option<i64>,
    /// What a read has to wait for.
    pub position: Option<String>,
    /// The operation whose fact led to this one.
    pub parent: Option<Uuid>,
    /// The operation that began the workflow.
    pub root: Option<Uuid>,
    /// The operation that this one repeats.
    pub retry_of: Option<Uuid>,
    /// When the edge accepted the command.
    pub created_at: Timestamp,
    /// When the record was written.
    pub updated_at: Timestamp,
}

/// Why a record is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOutcome {
    /// It cannot be read, or not now.
    #[error(transparent)]
    Decode(#[from] decode::Error),
    /// A state that a later version of Factline may know.
    #[error("operation {operation} has a state that is not known here")]
    UnknownState {
        /// The operation.
        operation: Uuid,
    },
}

impl InvalidOutcome {
    /// Whether the same record may be read later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Decode(error) if error.is_transient())
    }
}

impl Sighting {
    /// A command's record: the operation is pending.
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
            created_at: in_range(envelope.origin_time),
            ..pending
        }
    }

    /// What is known without an envelope.
    fn of_unreadable_command(aggregate: &str, record: &Record) -> Self {
        let appended_at = in_range(record.timestamp);
        Self {
            id: record.operation(),
            place: Place::of(record),
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
            created_at: appended_at,
            updated_at: appended_at,
        }
    }

    /// An outcome's record: the operation stands where the handler says.
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
            place: Place::of(record),
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
            created_at: in_range(
                DateTime::from_timestamp_micros(outcome.created_at).unwrap_or(record.timestamp),
            ),
            updated_at: in_range(record.timestamp),
        })
    }

    /// 0 pending, 1 running, 2 terminal.
    pub fn rank(&self) -> i16 {
        match self.state {
            State::Unknown | State::Pending => 0,
            State::Running => 1,
            State::Completed
            | State::Rejected
            | State::Failed
            | State::TimedOut
            | State::Cancelled => 2,
        }
    }

    /// Whether this is what the operation's row says when both records are known: the higher rank, and within a
    /// rank the record that stands lower. It is a total order, so records can come in any order and any often.
    pub fn beats(&self, other: &Self) -> bool {
        (self.rank(), Reverse(&self.place)) > (other.rank(), Reverse(&other.place))
    }
}

impl Place {
    fn of(record: &Record) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
        }
    }
}

/// What nearly everything is.
const COMMAND: &str = "command";

/// The name of an operation whose command does not say its type; the handler's word too.
const UNKNOWN: &str = "unknown";

/// PostgreSQL's texts hold everything but the zero character.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Instants that both sides can say; a foreign producer's clock may be anywhere.
fn in_range(time: Timestamp) -> Timestamp {
    let last = Timestamp::UNIX_EPOCH + TimeDelta::days(2_900_000); // in the year 9909
    time.clamp(Timestamp::UNIX_EPOCH, last)
}
