//! Resources of the context `scheduling`.

pub(crate) mod schedules;
