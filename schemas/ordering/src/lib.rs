//! The contract of ordering: what other contexts, services and tools may know of it.
//!
//! The `.avsc` files beside `Cargo.toml` are the contract; [`records`] is made from them. `routes.json` says which
//! HTTP request is which command. There are no rules here: those are the crate `ordering`'s.

#[expect(clippy::pedantic, reason = "made from the schemas")]
pub mod records;

use factline::{Contract, Messages as _};

pub use records::*;

/// The contract of `ordering.order`.
pub const ORDER: Contract = Contract {
    aggregate: "ordering.order",
    partitions: 8,
    commands: order::Command::RECORDS,
    events: order::Event::RECORDS,
    routes: include_str!("../routes.json"),
};
