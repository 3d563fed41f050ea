//! Resources of the context `payment`.

pub(crate) mod payments;
