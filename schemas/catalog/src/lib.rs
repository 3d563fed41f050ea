//! The contract of the catalogue: what other contexts, services and tools may know about it.
//!
//! The `.avsc` files and `product.json` beside `Cargo.toml` are the contract, and [`records`] is
//! generated from them. `product.json` has the number of partitions and maps HTTP requests to
//! commands. The rules are in the crate `catalog`.

#[expect(clippy::pedantic, reason = "generated from the schemas")]
pub mod records;

use factline::{AggregateType as _, Contract};

pub use records::*;

/// The contract of `catalog.product`, as data.
pub const PRODUCT: Contract = *product::Type::CONTRACT;
