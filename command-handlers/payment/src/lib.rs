#![doc = include_str!("../README.md")]

mod answer;
mod payment;
mod rejection;

pub use payment::{Asked, Charge, Payment, Refund};
pub use payment_schemas::PAYMENT;
pub use rejection::Rejection;
