//! Errors of the client.

use std::time::Duration;

use crate::operation::Operation;
use crate::problem::Problem;

/// Reasons for which a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be created.
    #[error("cannot create an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The service refuses the request, and a retry would not change that.
    #[error("{request} is refused")]
    Refused {
        /// The method and path.
        request: String,
        /// The service's problem document.
        #[source]
        problem: Box<Problem>,
    },
    /// A transient failure persisted until `patience` ended. If the request was a command, it was
    /// not accepted.
    #[error("{request} failed for {} seconds", .waited.as_secs())]
    Unavailable {
        /// The method and path.
        request: String,
        /// Time during which the request was retried.
        waited: Duration,
        /// The last failure.
        #[source]
        failure: TransientFailure,
    },
    /// The command was sent, and it is unknown whether the service accepted it. It can be sent
    /// again with its key, see [`crate::Command::key`]. If its operation is named,
    /// [`crate::Client::operation`] shows whether it was accepted.
    #[error("{request}: it is unknown whether the command was accepted{}", named(.operation.as_deref()))]
    Unknown {
        /// The method and path.
        request: String,
        /// The idempotency key of all attempts; none if the command was sent as repeatable.
        key: Option<String>,
        /// The operation's address if the command was accepted, such as `operations/7`.
        operation: Option<String>,
        /// The resource's address.
        resource: Option<String>,
        /// The failure of the last attempt.
        #[source]
        failure: TransientFailure,
    },
    /// The operation did not end before `patience` ended.
    #[error("operation {} is still {} after {} seconds", .operation.id, .operation.state.as_str(), .waited.as_secs())]
    StillOpen {
        /// The operation in the last response.
        operation: Box<Operation>,
        /// Time during which the client waited.
        waited: Duration,
    },
    /// A response lacks a required header.
    #[error("{request}: the response has no header {header}")]
    NoHeader {
        /// The method and path.
        request: String,
        /// The header.
        header: &'static str,
    },
    /// The body of a successful response has an unexpected form.
    #[error("{request}: the response has an unexpected body")]
    Unexpected {
        /// The method and path.
        request: String,
        /// The parse error.
        #[source]
        source: serde_json::Error,
    },
    /// The body cannot be written as JSON, or the address is invalid.
    #[error("{request} cannot be sent")]
    Unsendable {
        /// The method and path.
        request: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

/// A failure of a request that a retry may overcome.
#[derive(Debug, thiserror::Error)]
pub enum TransientFailure {
    /// There is no response.
    #[error("no response")]
    NoAnswer(#[source] reqwest::Error),
    /// The response asks for a retry.
    #[error("the service answered {0}")]
    Answer(Box<Problem>),
}

fn named(operation: Option<&str>) -> String {
    operation.map_or_else(String::new, |operation| format!(", as {operation}"))
}

impl Error {
    /// Returns the problem document of the service's response, if there is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. }
            | Self::Unavailable {
                failure: TransientFailure::Answer(problem),
                ..
            }
            | Self::Unknown {
                failure: TransientFailure::Answer(problem),
                ..
            } => Some(problem),
            _ => None,
        }
    }
}
