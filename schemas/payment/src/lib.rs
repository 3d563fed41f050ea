//! The contract of payment: what other contexts, services and tools may know about it.
//!
//! The `.avsc` files and `payment.json` beside `Cargo.toml` are the contract, and [`records`] is
//! generated from them. `payment.json` has the number of partitions and maps HTTP requests to
//! commands. The rules are in the crate `payment`.

#[expect(clippy::pedantic, reason = "generated from the schemas")]
pub mod records;

use factline::{AggregateType as _, Contract};

pub use records::*;

/// The contract of `payment.payment`, as data.
pub const PAYMENT: Contract = *payment::Type::CONTRACT;
