//! Views of the context `scheduling`.

pub mod schedules;
