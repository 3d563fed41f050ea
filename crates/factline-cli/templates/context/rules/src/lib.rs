#![doc = include_str!("../README.md")]

mod {aggregate};
mod rejection;

pub use {aggregate}::{Aggregate};
pub use rejection::Rejection;
