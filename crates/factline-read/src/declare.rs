//! Declarations of resources.
//!
//! A declaration is a constant: it names columns, views and indexes, and does nothing. Routes, SQL
//! and the OpenAPI document are made from it when a process starts, and [`crate::routes()`] returns
//! each mistake in it as one sentence.

mod by_hand;
mod filter;
mod id;
mod item;
mod list;
mod resource;
mod rows;
mod schema;
mod sort;

pub use by_hand::ByHand;
pub use filter::Filter;
pub use id::Id;
pub use item::Item;
pub use list::List;
pub use resource::Resource;
pub use rows::Rows;
pub use sort::{Key, Sort, asc, desc};

pub(crate) use filter::Comparison;
pub(crate) use id::Form;
pub(crate) use schema::Schema;
