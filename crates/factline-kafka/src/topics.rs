//! Topics: names, settings, and where their partitions begin and end.
//!
//! - `names`: the topics and groups of an aggregate, and the partition of a key
//! - [`provision`], [`diff`]: creates topics, and compares them with the contracts
//! - [`identity`]: tells a topic from another of the same name that was created later
//! - [`watermarks`]: first offsets and ends
//! - [`trim`]: deletes commands that were handled
//! - [`broker_settings`]: settings of the brokers that a group's offsets depend on
//!
//! One more topic for each aggregate begins in `names` and gets its settings in [`provision`].

pub mod broker_settings;
pub mod diff;
pub mod identity;
mod names;
pub mod provision;
pub mod trim;
pub mod watermarks;

pub use names::*;
