#![doc = include_str!("../README.md")]

mod description;
mod product;
mod rejection;

pub use catalog_schemas::PRODUCT;
pub use product::{Created, Product};
pub use rejection::Rejection;
