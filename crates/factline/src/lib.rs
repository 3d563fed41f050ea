//! The pure core of Factline: the API for domain authors and the wire format.
//!
//! This crate does no IO, reads no clock, and knows no broker, database or HTTP. The hosts that run
//! these traits are in `factline-handler` (command handlers), `factline-policy` (policies) and
//! `factline-postgres` (projections).
//!
//! - [`Aggregate`], [`Context`], [`Decision`], [`Rejection`]: the write side, tested with
//!   [`testing::given`]
//! - [`Policy`], [`Fact`], [`Emit`]: from facts to commands, the links of a workflow
//! - [`Projection`], [`AdditiveProjection`], [`Recorded`]: the read side
//! - [`Envelope`], [`Delivery`], [`Outcome`], [`cancel`], [`Position`], [`id`]: the frozen wire
//!   format, which `docs/wire-format.md` describes
//! - [`AggregateType`], [`Contract`], [`Messages`], [`avro`]: schemas and the types generated from
//!   them

pub mod aggregate;
pub mod avro;
pub mod cancel;
mod context;
pub mod contract;
pub mod delivery;
pub mod envelope;
mod failure_text;
pub mod id;
pub mod message;
pub mod outcome;
pub mod poison;
pub mod policy;
pub mod position;
pub mod projection;
#[expect(
    clippy::pedantic,
    clippy::derivable_impls,
    missing_docs,
    reason = "generated from the schemas"
)]
mod records;
mod roles;
pub mod testing;

pub use aggregate::{Aggregate, Conclusion, Deadline, Decision, Rejection};
pub use context::{Context, Sender};
pub use contract::{AggregateType, CommandOf, Contract, EventOf};
pub use delivery::Delivery;
pub use envelope::Envelope;
pub use failure_text::{error_chain, panic_message};
pub use message::{Messages, RecordSchema};
pub use outcome::Outcome;
pub use poison::PoisonPolicy;
pub use policy::{Emit, Fact, Policy};
pub use position::{Point, Position};
pub use projection::{AdditiveProjection, Projection, Recorded};
pub use roles::{InvalidRole, Roles};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Mistakes that must not compile.
#[cfg(doctest)]
#[doc = include_str!("../tests/mistakes.md")]
struct Mistakes;

/// An instant in UTC. Rules get it from the command's [`Context`], never from a clock.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
