//! The contract of checkout: what other contexts, services and tools may know of it.
//!
//! The `.avsc` files beside `Cargo.toml` are the contract; [`records`] is made from them. `routes.json` says which
//! HTTP request is which command. There are no rules here: those are the crate `checkout`'s.

#[expect(
    clippy::pedantic,
    missing_docs,
    reason = "made from the schemas; an enum's symbols have no docs there"
)]
pub mod records;

use factline::{Contract, Messages as _, id};
use uuid::Uuid;

pub use records::*;

/// The contract of `checkout.checkout`.
pub const CHECKOUT: Contract = Contract {
    aggregate: "checkout.checkout",
    partitions: 8,
    commands: checkout::Command::RECORDS,
    events: checkout::Event::RECORDS,
    routes: include_str!("../routes.json"),
};

/// The order that a checkout places. Derived, so that whoever places it again meets it.
pub fn order_id(checkout_id: Uuid) -> Uuid {
    id::aggregate("ordering.order", &checkout_id.to_string())
}

/// The payment that a checkout asks for. Derived: so a payment that is its can be told from one that only names it.
pub fn payment_id(checkout_id: Uuid) -> Uuid {
    id::aggregate("payment.payment", &checkout_id.to_string())
}
