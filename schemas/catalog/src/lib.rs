//! The contract of the catalogue: what other contexts, services and tools may know of it.
//!
//! The `.avsc` files beside `Cargo.toml` are the contract; [`records`] is made from them. `routes.json` says which
//! HTTP request is which command. There are no rules here: those are the crate `catalog`'s.

#[expect(clippy::pedantic, reason = "made from the schemas")]
pub mod records;

use factline::{Contract, Messages as _};

pub use records::*;

/// The contract of `catalog.product`.
pub const PRODUCT: Contract = Contract {
    aggregate: "catalog.product",
    partitions: 8,
    commands: product::Command::RECORDS,
    events: product::Event::RECORDS,
    routes: include_str!("../routes.json"),
};
