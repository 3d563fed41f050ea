//! An amount of money: the one record that the contracts of all contexts contain.
//!
//! [`records`] is generated from the `.avsc` file beside `Cargo.toml`. The schemas of messages
//! contain a copy of this record under its full name, `money.Money`. Their Rust types use
//! [`Money`].

pub mod records;

pub use records::*;
