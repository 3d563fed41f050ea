//! The violations of exactly-once, one variant for each kind, each with its location: [`At`].

use std::fmt;

use factline::Timestamp;
use uuid::Uuid;

use super::history::{Logged, Moment};

/// A location, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At {
    /// The aggregate's type.
    pub aggregate: String,
    /// The aggregate's id.
    pub subject: Option<String>,
    /// The operation.
    pub operation: Option<Uuid>,
    /// The record: `events/3@17`.
    pub place: Option<String>,
}

impl At {
    /// Creates the location of a record in one of an aggregate's topics.
    pub(super) fn record<T>(aggregate: &str, kind: &str, record: &Logged<T>) -> Self {
        Self {
            aggregate: aggregate.to_owned(),
            subject: Some(record.subject().to_owned()),
            operation: Some(record.operation),
            place: Some(format!("{kind}/{}@{}", record.partition, record.offset)),
        }
    }

    /// Creates the location of an operation that has no record in the log.
    pub(super) fn operation(aggregate: &str, operation: Uuid) -> Self {
        Self {
            aggregate: aggregate.to_owned(),
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// Creates the location of an aggregate.
    pub(super) fn subject(aggregate: &str, subject: &str) -> Self {
        Self {
            aggregate: aggregate.to_owned(),
            subject: Some(subject.to_owned()),
            ..Self::default()
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.aggregate)?;
        if let Some(subject) = &self.subject {
            write!(formatter, " {subject}")?;
        }
        if let Some(operation) = &self.operation {
            write!(formatter, ", operation {operation}")?;
        }
        if let Some(place) = &self.place {
            write!(formatter, ", {place}")?;
        }
        Ok(())
    }
}

/// A violation of exactly-once.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Violation {
    /// A client received 202, and there is no command.
    #[error("{0}: accepted, and there is no command")]
    Lost(At),
    /// A client received 202 for a different command than it sent.
    #[error("{0}: accepted, and the command is a different one")]
    Other(At),
    /// Requests with one key and one body became several operations.
    #[error("{aggregate}: key {key:?} became operations {first} and {second}")]
    Keyed {
        /// The aggregate's type.
        aggregate: String,
        /// The idempotency key.
        key: String,
        /// One of them.
        first: Uuid,
        /// Another.
        second: Uuid,
    },
    /// A command without a terminal outcome.
    #[error("{0}: no terminal outcome")]
    Unended(At),
    /// A second terminal outcome.
    #[error("{0}: second terminal outcome")]
    EndedTwice(At),
    /// A second `running` outcome, or one after the end.
    #[error("{0}: second running outcome, or one after the end")]
    RunsTwice(At),
    /// An outcome without a command.
    #[error("{0}: an outcome without a command")]
    Unrequested(At),
    /// A record of the handler that cannot be decoded.
    #[error("{0}: record cannot be decoded")]
    Unreadable(At),
    /// A version with a gap or a duplicate.
    #[error("{at}: expected version {expected}, found {found:?}")]
    Version {
        /// Location.
        at: At,
        /// The expected version.
        expected: u64,
        /// The version found.
        found: Option<u64>,
    },
    /// A partition sequence with a gap or a duplicate.
    #[error("{at}: expected partition sequence {expected}, found {found:?}")]
    Sequence {
        /// Location.
        at: At,
        /// The expected sequence.
        expected: u64,
        /// The sequence found.
        found: Option<u64>,
    },
    /// An event whose operation has no command or deadline, or that does not match its aggregate
    /// and version.
    #[error("{at}: {what}")]
    Foreign {
        /// Location.
        at: At,
        /// The mismatch.
        what: &'static str,
    },
    /// Events of other operations are between those of one operation.
    #[error("{0}: events of other operations are between those of its operation")]
    Scattered(At),
    /// A command that failed without a dead letter, or a dead letter without a failed command.
    #[error("{at}: {what}")]
    Letter {
        /// Location.
        at: At,
        /// The mismatch.
        what: &'static str,
    },
    /// An operation had been read as ended before the other was requested, and comes after it in
    /// the log.
    #[error(
        "{at}: {what} before operation {earlier}, which was known at {known:?}, before this request at {asked:?}"
    )]
    RealTime {
        /// Location.
        at: At,
        /// `decided` or `appended`.
        what: &'static str,
        /// The operation that must come first.
        earlier: Uuid,
        /// Time at which a client knew it.
        known: Moment,
        /// Time of the request for the other operation.
        asked: Moment,
    },
    /// Commands of one partition were decided out of order, or a command was not decided at its
    /// first record.
    #[error("{at}: {what}")]
    Order {
        /// Location.
        at: At,
        /// The mismatch.
        what: String,
    },
    /// A decision at a time that is impossible in its partition.
    #[error("{at}: impossible decision time {time}: {why}")]
    Time {
        /// Location.
        at: At,
        /// Recorded decision time.
        time: Timestamp,
        /// Reason.
        why: &'static str,
    },
    /// The rules give a different result when the decision is replayed.
    #[error("{at}: recorded {recorded}, the rules say {decided}")]
    Decision {
        /// Location.
        at: At,
        /// The result in the log.
        recorded: String,
        /// The result of the rules.
        decided: String,
    },
    /// A deadline that was due and not decided.
    #[error("{at}: the deadline due at {due} was skipped")]
    Overdue {
        /// Location.
        at: At,
        /// Due time.
        due: Timestamp,
    },
    /// A row that differs from the fold of the events.
    #[error("view {view}, row {key}: {what}")]
    Row {
        /// The view.
        view: String,
        /// The row's key.
        key: String,
        /// The difference.
        what: String,
    },
    /// The tracker and the log disagree.
    #[error("{at}: tracker has {tracked}, log has {logged}")]
    Tracker {
        /// Location.
        at: At,
        /// The tracker's status.
        tracked: String,
        /// The log's status.
        logged: String,
    },
    /// A client read an end that differs from the final one.
    #[error("{at}: read as {seen} at {moment:?}, final status {logged}")]
    Changed {
        /// Location.
        at: At,
        /// Time of the read.
        moment: Moment,
        /// The status that was read.
        seen: String,
        /// The log's status.
        logged: String,
    },
    /// The provider's balance differs from the total of the confirmed orders.
    #[error("the provider keeps {kept} {currency}, the confirmed orders cost {confirmed}")]
    Money {
        /// Currency.
        currency: String,
        /// Captured and not refunded.
        kept: i64,
        /// Total of the confirmed orders.
        confirmed: i64,
    },
    /// A read that shows less than its position requires, or a state that never existed.
    #[error("{at}: read at {moment:?}: {what}")]
    Read {
        /// Location.
        at: At,
        /// Time of the read.
        moment: Moment,
        /// The mismatch.
        what: String,
    },
}
