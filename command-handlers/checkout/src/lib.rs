#![doc = include_str!("../README.md")]

mod checkout;
mod patience;
mod purchase;
mod rejection;
mod told;

pub use checkout::{Checkout, Process};
pub use checkout_schemas::CHECKOUT;
pub use patience::{ATTEMPTS, Patience};
pub use rejection::Rejection;
pub use told::{Trouble, conclusion};
