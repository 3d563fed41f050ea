//! A fault of a command or a deadline.

use chrono::TimeDelta;

use crate::decide::encode::Unwritable;
use crate::decide::workflow::InvalidWorkflow;
use factline::error_chain;
use factline_kafka::records::decode;

/// A fault of the command itself: the command alone fails, and becomes a dead letter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("command cannot be read: {}", error_chain(.0))]
    Unreadable(decode::Error),
    #[error("record key differs from the subject {subject}")]
    Key { subject: String },
    #[error("{record} names aggregate {id}, but belongs to {subject}")]
    Id {
        record: &'static str,
        id: String,
        subject: String,
    },
    #[error(
        "command for {subject} belongs on partition {expected}: its producer does not partition by murmur2"
    )]
    Partition { subject: String, expected: i32 },
    #[error("deciding the command panicked: {0}")]
    Panic(String),
    #[error(
        "command was appended {} h after its origin, more than the dedupe window of {} h: it is unknown \
         whether it was decided before",
        .age.num_hours(), .window.num_hours()
    )]
    TooOld { age: TimeDelta, window: TimeDelta },
    #[error(transparent)]
    Workflow(#[from] InvalidWorkflow),
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    #[error("a record that the command leads to is too large for the broker")]
    TooLarge,
}

impl Fault {
    /// Returns the code of the outcome.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Key { .. } => "wrong_key",
            Self::Id { .. } => "wrong_id",
            Self::Partition { .. } => "wrong_partition",
            Self::Panic(_) => "panic",
            Self::TooOld { .. } => "too_old",
            Self::Workflow(_) => "workflow",
            Self::Unwritable(Unwritable::Encoding(_)) => "unwritable",
            Self::Unwritable(Unwritable::TooLarge) | Self::TooLarge => "too_large",
        }
    }

    /// Returns the reason of the outcome. Its length is limited, because a panic's message may be
    /// long.
    pub(crate) fn reason(&self) -> String {
        self.to_string().chars().take(1000).collect()
    }
}
