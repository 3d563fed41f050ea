//! What a client can run into.

use std::time::Duration;

use crate::operation::Operation;
use crate::problem::Problem;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client itself cannot be made.
    #[error("cannot make an http client")]
    Client(#[source] reqwest::Error),
    /// The service says no, and asking again would not change it.
    #[error("{request} is refused")]
    Refused {
        /// What was asked.
        request: String,
        /// Why not.
        #[source]
        problem: Box<Problem>,
    },
    /// What might have passed did not while patience lasted. If the request was a command, it was not taken.
    #[error("{request} has not succeeded for {} seconds", .waited.as_secs())]
    Away {
        /// What was asked.
        request: String,
        /// How long it was tried.
        waited: Duration,
        /// What stood in the way at last.
        #[source]
        trouble: Trouble,
    },
    /// The command was sent, and nobody can say whether it was taken. Under its key it can be sent again, see
    /// [`crate::Command::key`]. If its operation is named, [`crate::Client::operation`] tells whether it was.
    #[error("{request}: it is unknown whether the command was taken{}", named(.operation.as_deref()))]
    Unknown {
        /// What was asked.
        request: String,
        /// The idempotency key of all its tries, unless it was sent as repeatable.
        key: Option<String>,
        /// The operation's address if the command was taken, such as `operations/7`.
        operation: Option<String>,
        /// The resource's address.
        resource: Option<String>,
        /// What happened to the answer.
        #[source]
        trouble: Trouble,
    },
    /// An operation has not ended while patience lasted.
    #[error("operation {} is still {} after {} seconds", .operation.id, .operation.state.as_str(), .waited.as_secs())]
    StillOpen {
        /// As it was seen last.
        operation: Box<Operation>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// An answer without a header that it must have.
    #[error("{request}: the answer has no header {header}")]
    NoHeader {
        /// What was asked.
        request: String,
        /// The header.
        header: &'static str,
    },
    /// A success with another body than expected.
    #[error("{request}: the answer is not as expected")]
    Unexpected {
        /// What was asked.
        request: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A body that cannot be written as JSON, or an address that is none.
    #[error("{request} cannot be sent")]
    Unsendable {
        /// What was to be asked.
        request: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// What stands in the way of a request, and may pass.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no answer.
    #[error("there is no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The answer says to come again.
    #[error("the answer is {0}")]
    Answer(Box<Problem>),
}

fn named(operation: Option<&str>) -> String {
    operation.map_or_else(String::new, |operation| format!(", as {operation}"))
}

impl Error {
    /// The problem that a service answered with, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. }
            | Self::Away {
                trouble: Trouble::Answer(problem),
                ..
            }
            | Self::Unknown {
                trouble: Trouble::Answer(problem),
                ..
            } => Some(problem),
            _ => None,
        }
    }
}
