//! The contract of {context}: what other contexts, services and tools may know of it.
//!
//! The `.avsc` files beside `Cargo.toml` are the contract; [`records`] is made from them. `routes.json` says which
//! HTTP request is which command. There are no rules here: those are the crate `{context}`'s.

#[expect(clippy::pedantic, reason = "made from the schemas")]
pub mod records;

use factline::{Contract, Messages as _};

pub use records::*;

/// The contract of `{context}.{aggregate}`.
pub const {AGGREGATE}: Contract = Contract {
    aggregate: "{context}.{aggregate}",
    partitions: 8,
    commands: {aggregate}::Command::RECORDS,
    events: {aggregate}::Event::RECORDS,
    routes: include_str!("../routes.json"),
};
