//! The contract of payment: what other contexts, services and tools may know of it.
//!
//! The `.avsc` files beside `Cargo.toml` are the contract; [`records`] is made from them. `routes.json` says which
//! HTTP request is which command. There are no rules here: those are the crate `payment`'s.

#[expect(clippy::pedantic, reason = "made from the schemas")]
pub mod records;

use factline::{Contract, Messages as _};

pub use records::*;

/// The contract of `payment.payment`.
pub const PAYMENT: Contract = Contract {
    aggregate: "payment.payment",
    partitions: 8,
    commands: payment::Command::RECORDS,
    events: payment::Event::RECORDS,
    routes: include_str!("../routes.json"),
};
