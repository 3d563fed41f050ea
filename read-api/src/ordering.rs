//! Resources of the context `ordering`.

pub(crate) mod customers;
pub(crate) mod orders;
