//! The reason why commands are not decided at present. It passes by itself, or an operator mends
//! it.

use super::aggregates::ReadError;
use factline_kafka::records::decode;

/// Reason why a command waits.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Waiting {
    #[error("schema cannot be read")]
    Registry(#[from] decode::Error),
    #[error(transparent)]
    State(#[from] ReadError),
}
