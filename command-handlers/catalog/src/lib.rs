#![doc = include_str!("../README.md")]

mod product;
mod rejection;
mod validation;

pub use product::{Created, Product};
pub use rejection::Rejection;
