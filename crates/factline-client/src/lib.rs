//! A client of Factline's HTTP interface: send a command, wait for its operation, read its result.
//!
//! ```no_run
//! # async fn example() -> Result<(), factline_client::Error> {
//! use std::time::Duration;
//!
//! let client = factline_client::Client::new("http://127.0.0.1:8080", Duration::from_secs(30))?;
//! let body = serde_json::json!({"name": "Ada"});
//! let accepted = client.send("/people", &body).await?;
//! let operation = client.wait(&accepted.location).await?;
//! let position = operation.position.as_deref();
//! let person: Option<serde_json::Value> = client.read(&accepted.resource, position).await?;
//! # Ok(()) }
//! ```
//!
//! The client retries transient failures with growing, jittered waits, until its `patience` is
//! over. It also retries a command whose acknowledgement was lost: all attempts have one
//! idempotency key, so they are one operation. If `patience` ends before it is certain whether the
//! command was accepted, the result is [`Error::Unknown`]. That error holds the key with which the
//! command can safely be sent again.
//!
//! [`Client::execute`] does the first two in one request: the service answers when the operation
//! has ended.
//!
//! A command with conditions, such as the version that was read before, is a [`Command`]:
//!
//! ```no_run
//! # async fn example(client: factline_client::Client) -> Result<(), factline_client::Error> {
//! use factline_client::Command;
//!
//! let body = serde_json::json!({"name": "Ada"});
//! client.submit(Command::put("/people/9/name", &body).expected_version(3)).await?;
//! # Ok(()) }
//! ```
//!
//! The client has no list of commands or resources: its caller supplies paths and bodies.

mod backoff;
mod client;
mod command;
mod error;
mod exchange;
mod operation;
mod problem;

pub use backoff::Backoff;
pub use client::Client;
pub use command::Command;
pub use error::{Error, TransientFailure};
pub use operation::{Accepted, Operation, Reached, WorkflowStep};
pub use problem::{FieldError, Problem};

/// States of an operation. A state that this client does not know is `Unknown`.
pub use factline::outcome::State;

/// The origin of an operation: a request or a due deadline. A kind that this client does not know
/// is `Unknown`.
pub use factline::outcome::OutcomeKind as Kind;

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
