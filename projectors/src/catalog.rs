//! Views of the context `catalog`.

pub mod price_history;
pub mod products;
