//! The pure core of Factline: what a domain author writes against, and what stands on the wire.
//!
//! Nothing here does IO, knows a broker, a database or HTTP, or reads a clock. The hosts that run these traits
//! live in `factline-handler` (command handlers), `factline-policy` (policies) and `factline-postgres` (projections).
//!
//! - [`Aggregate`], [`Decision`], [`Rejection`]: the write side, tested with [`testing::given`]
//! - [`Policy`], [`Fact`], [`Emit`]: from facts to commands, the links of a workflow
//! - [`Projection`], [`Recorded`]: the read side
//! - [`Envelope`], [`Outcome`], [`Position`], [`id`]: what history holds us to; `docs/wire-format.md` is its prose
//! - [`Contract`], [`Messages`], [`avro`]: schemas and the types made from them

pub mod aggregate;
pub mod avro;
pub mod contract;
pub mod envelope;
mod failure_text;
pub mod id;
pub mod message;
pub mod outcome;
pub mod policy;
pub mod position;
pub mod projection;
#[expect(clippy::pedantic, missing_docs, reason = "made from the schemas")]
mod records;
pub mod testing;

pub use aggregate::{Aggregate, Conclusion, Deadline, Decision, Rejection};
pub use contract::Contract;
pub use envelope::Envelope;
pub use failure_text::{error_chain, panic_message};
pub use message::{Messages, RecordSchema};
pub use outcome::Outcome;
pub use policy::{Emit, Fact, Policy};
pub use position::{Point, Position};
pub use projection::{Projection, Recorded};

/// The README's code is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// An instant in UTC. Contexts get theirs from the command, never from a clock.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
