//! The contract of ordering: what other contexts, services and tools may know about it.
//!
//! The `.avsc` files and `order.json` beside `Cargo.toml` are the contract, and [`records`] is
//! generated from them. `order.json` has the number of partitions and maps HTTP requests to
//! commands. The rules are in the crate `ordering`.

#[expect(clippy::pedantic, reason = "generated from the schemas")]
pub mod records;

use factline::{AggregateType as _, Contract};

pub use records::*;

/// The contract of `ordering.order`, as data.
pub const ORDER: Contract = *order::Type::CONTRACT;
