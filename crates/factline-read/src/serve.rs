//! Routes, as they are made from declarations.
//!
//! [`Item`] and [`List`] hold a checked declaration with everything that a request needs: types,
//! SQL, patterns. Their constructors find the mistakes.

mod by_hand;
mod check;
mod cursor;
mod id;
mod item;
mod list;
mod page;
mod query;
mod request;

pub(crate) use by_hand::ByHand;
pub(crate) use id::IdReader;
pub(crate) use item::Item;
pub(crate) use list::{Filter, List};
#[cfg(feature = "plans")]
pub(crate) use {list::Sort, request::Request};
