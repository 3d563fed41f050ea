//! Topics: names, settings, first offsets and end offsets.
//!
//! - `names`: the topics and groups of an aggregate, and the partition of a key
//! - [`settings`]: the required settings; [`timestamps`] checks those of timestamps
//! - [`provision`], [`diff`]: creates topics, and compares them with the contracts
//! - [`identity`]: distinguishes a topic from one of the same name that was created later
//! - [`watermarks`]: first offsets and end offsets
//! - [`trim`]: deletes handled commands
//! - [`capacity`]: marks the offsets of handlers that refuse new aggregates
//! - [`admin`]: the client of such requests, and their error
//! - [`broker_settings`]: settings of the brokers that a group's offsets depend on
//!
//! To add a topic for each aggregate, begin in `names`, and add its [`settings`].

pub mod admin;
pub mod broker_settings;
pub mod capacity;
pub mod diff;
pub mod identity;
mod names;
pub mod provision;
pub mod settings;
pub mod timestamps;
pub mod trim;
pub mod watermarks;

pub use names::*;
