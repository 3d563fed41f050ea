//! Resources of the context `catalog`.

pub(crate) mod products;
