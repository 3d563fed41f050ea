//! Resources of the context `checkout`.

pub(crate) mod checkouts;
