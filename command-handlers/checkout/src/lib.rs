#![doc = include_str!("../README.md")]

mod checkout;
mod failure;
mod rejection;
mod retry;
mod validation;

pub use checkout::{Checkout, Process};
pub use failure::{FailureReason, conclusion};
pub use rejection::Rejection;
pub use retry::{ATTEMPTS, RetrySchedule};
