//! Views of the context `ordering`.

pub mod customer_spending;
pub mod orders;
