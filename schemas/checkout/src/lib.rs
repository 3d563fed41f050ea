//! The contract of checkout: what other contexts, services and tools may know about it.
//!
//! The `.avsc` files and `checkout.json` beside `Cargo.toml` are the contract, and [`records`] is
//! generated from them. `checkout.json` has the number of partitions and maps HTTP requests to
//! commands. The rules are in the crate `checkout`.

#[expect(
    clippy::pedantic,
    missing_docs,
    reason = "generated from the schemas, in which the symbols of an enum have no docs"
)]
pub mod records;

use factline::{AggregateType as _, Contract, id};
use uuid::Uuid;

pub use records::*;

/// The contract of `checkout.checkout`, as data.
pub const CHECKOUT: Contract = *checkout::Type::CONTRACT;

/// Returns the id of the order that a checkout places. It derives from the checkout's id, so a
/// second placement finds the first.
pub fn order_id(checkout_id: Uuid) -> Uuid {
    id::aggregate("ordering.order", &checkout_id.to_string())
}

/// Returns the id of the payment that a checkout requests. It derives from the checkout's id, so a
/// payment of the checkout differs from one that only names it.
pub fn payment_id(checkout_id: Uuid) -> Uuid {
    id::aggregate("payment.payment", &checkout_id.to_string())
}
