#![doc = include_str!("../README.md")]

mod checkout;
mod failure;
mod rejection;
mod retry;
mod validation;

pub use checkout::{Checkout, Process};
pub use checkout_schemas::CHECKOUT;
pub use failure::{Trouble, conclusion};
pub use rejection::Rejection;
pub use retry::{ATTEMPTS, Patience};
