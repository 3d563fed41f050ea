//! Views of the context `checkout`.

pub mod checkouts;
