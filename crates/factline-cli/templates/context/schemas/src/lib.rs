//! The contract of {context}: what other contexts, services and tools may know about it.
//!
//! The `.avsc` files and `{aggregate}.json` beside `Cargo.toml` are the contract. [`records`] is
//! generated from them. `{aggregate}.json` has the number of partitions and maps HTTP requests to
//! commands. The rules are in the crate `{context}`.

#[expect(clippy::pedantic, reason = "generated from the schemas")]
pub mod records;

use factline::{AggregateType as _, Contract};

pub use records::*;

/// The contract of `{context}.{aggregate}`, as data.
pub const {AGGREGATE}: Contract = *{aggregate}::Type::CONTRACT;
