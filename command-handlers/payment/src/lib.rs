#![doc = include_str!("../README.md")]

mod payment;
mod rejection;
mod validation;

pub use payment::{Asked, Charge, Payment, Refund};
pub use payment_schemas::PAYMENT;
pub use rejection::Rejection;
