//! Views of the context `payment`.

pub mod payments;
