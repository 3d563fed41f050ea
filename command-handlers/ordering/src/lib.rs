#![doc = include_str!("../README.md")]

mod order;
mod rejection;
mod validation;

pub use order::{Bought, Order};
pub use rejection::Rejection;
