//! A client of Factline's HTTP interface: send a command, wait for its operation, read what it wrote.
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
//! What may pass is tried again, with longer and uneven waits, until the client's patience is over. A command whose
//! acknowledgement was lost is tried again too: all tries have one idempotency key, so that they are one operation.
//! If patience ends before anybody could say whether it was taken, it is [`Error::Unknown`], with the key under which it
//! can safely be sent again.
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
//! It knows no command and no resource: paths and bodies are its caller's.

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
pub use error::{Error, Trouble};
pub use operation::{Accepted, Operation};
pub use problem::{FieldError, Problem};

/// States of an operation; one that this client does not know yet is `Unknown`.
pub use factline::outcome::State;

/// Whether somebody asked for an operation, or a deadline came due; what this client does not know yet is `Unknown`.
pub use factline::outcome::OutcomeKind as Kind;
