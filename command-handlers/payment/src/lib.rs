#![doc = include_str!("../README.md")]

mod payment;
mod rejection;
mod validation;

pub use payment::{Asked, Charge, Payment, Refund};
pub use rejection::Rejection;
