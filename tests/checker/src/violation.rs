//! What exactly-once forbids, one variant for each kind. Where it was found is in every one: [`At`].

use std::fmt;

use factline::Timestamp;
use uuid::Uuid;

use super::history::{Logged, Moment};

/// Where: as much as is known.
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
    /// A record of one of an aggregate's topics.
    pub(super) fn record<T>(aggregate: &str, kind: &str, record: &Logged<T>) -> Self {
        Self {
            aggregate: aggregate.to_owned(),
            subject: Some(record.subject().to_owned()),
            operation: Some(record.operation),
            place: Some(format!("{kind}/{}@{}", record.partition, record.offset)),
        }
    }

    /// An operation of which nothing stands in the log.
    pub(super) fn operation(aggregate: &str, operation: Uuid) -> Self {
        Self {
            aggregate: aggregate.to_owned(),
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// An aggregate.
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

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Violation {
    /// A client was told 202, and there is no command.
    #[error("{0}: accepted, and there is no command")]
    Lost(At),
    /// A client was told 202 for something other than it asked for.
    #[error("{0}: accepted, and the command is another")]
    Other(At),
    /// Requests with one key and one body are several operations.
    #[error("{aggregate}: key {key:?} made operations {first} and {second}")]
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
    #[error("{0}: it has not ended")]
    Unended(At),
    /// A second terminal outcome.
    #[error("{0}: it ends a second time")]
    EndedTwice(At),
    /// An outcome that says for a second time that it runs, or after its end.
    #[error("{0}: it runs a second time, or after its end")]
    RunsTwice(At),
    /// An outcome that nobody asked for.
    #[error("{0}: an outcome without a command")]
    Unasked(At),
    /// A record that only the machinery writes, and that cannot be read.
    #[error("{0}: it cannot be read")]
    Unreadable(At),
    /// A version with a hole or a repetition.
    #[error("{at}: version {found:?} where {expected} comes next")]
    Version {
        /// Where.
        at: At,
        /// The next.
        expected: u64,
        /// What stands there.
        found: Option<u64>,
    },
    /// A partition sequence with a hole or a repetition.
    #[error("{at}: partition sequence {found:?} where {expected} comes next")]
    Sequence {
        /// Where.
        at: At,
        /// The next.
        expected: u64,
        /// What stands there.
        found: Option<u64>,
    },
    /// An event whose operation no command or deadline began, or that is not of its aggregate and version.
    #[error("{at}: {what}")]
    Foreign {
        /// Where.
        at: At,
        /// What is wrong.
        what: &'static str,
    },
    /// Other events stand between those of one operation.
    #[error("{0}: other events stand between those of its operation")]
    Scattered(At),
    /// A command that failed without a dead letter, or a dead letter without a failed command.
    #[error("{at}: {what}")]
    Letter {
        /// Where.
        at: At,
        /// What is wrong.
        what: &'static str,
    },
    /// One operation had been seen to end before a request of the other began, and it comes behind it.
    #[error(
        "{at}: {what} before operation {earlier}, which was known at {known:?}, before its request at {asked:?}"
    )]
    RealTime {
        /// Where.
        at: At,
        /// `decided` or `appended`.
        what: &'static str,
        /// What must come first.
        earlier: Uuid,
        /// When a client knew it.
        known: Moment,
        /// When the other was asked for.
        asked: Moment,
    },
    /// Commands of one partition were decided in another order than they stand in, or a command not where it stands first.
    #[error("{at}: {what}")]
    Order {
        /// Where.
        at: At,
        /// What is wrong.
        what: String,
    },
    /// A command's time that is not its partition's.
    #[error("{at}: decided at {time}, which cannot be: {why}")]
    Time {
        /// Where.
        at: At,
        /// When it says that it was decided.
        time: Timestamp,
        /// Why not.
        why: &'static str,
    },
    /// The rules, asked again, say otherwise.
    #[error("{at}: recorded {recorded}, the rules say {decided}")]
    Decision {
        /// Where.
        at: At,
        /// What stands in the log.
        recorded: String,
        /// What the rules make of it.
        decided: String,
    },
    /// A deadline that was due and passed over.
    #[error("{at}: its deadline of {due} was passed over")]
    Overdue {
        /// Where.
        at: At,
        /// When it was due.
        due: Timestamp,
    },
    /// A row that is not the fold of the events.
    #[error("view {view}, row {key}: {what}")]
    Row {
        /// The view.
        view: String,
        /// The row's key.
        key: String,
        /// What is wrong.
        what: String,
    },
    /// The tracker says something else than the log.
    #[error("{at}: the tracker says {told}, the log {logged}")]
    Tracker {
        /// Where.
        at: At,
        /// What it says.
        told: String,
        /// What is so.
        logged: String,
    },
    /// A client read an end that was none.
    #[error("{at}: read as {seen} at {moment:?}, and at last it is {logged}")]
    Changed {
        /// Where.
        at: At,
        /// When.
        moment: Moment,
        /// What was read.
        seen: String,
        /// What is so.
        logged: String,
    },
    /// The provider does not keep what the confirmed orders cost.
    #[error("the provider keeps {kept} {currency}, the confirmed orders cost {confirmed}")]
    Money {
        /// Of which currency.
        currency: String,
        /// Captured and not refunded.
        kept: i64,
        /// What the events say.
        confirmed: i64,
    },
    /// A read that does not show what its position says, or that shows what never was.
    #[error("{at}: read at {moment:?}: {what}")]
    Read {
        /// Where.
        at: At,
        /// When.
        moment: Moment,
        /// What is wrong.
        what: String,
    },
}
