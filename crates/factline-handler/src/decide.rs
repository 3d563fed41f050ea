//! Decides a batch: from commands and due deadlines to events, outcomes and next states.
//!
//! A decision is a value. Deciding reads the overlay and changes nothing. Then [`handle`] encodes
//! the value, because a command whose records are too large fails alone, and changes the overlay.
//!
//! - [`batch`]: everything that one transaction contains; [`inputs`]: the inputs of its decision
//! - [`handle`]: one command, deadline or cancel, from its decision to the overlay
//! - [`command`], [`deadline`], [`cancel`]: decide one command, one deadline, one cancel;
//!   [`checks`]: the kit's own checks of them; [`aggregate_id`]: the id in them
//! - [`decision`], [`workflow`]: the aggregate's rules, and the results of their events
//! - [`fault`], [`failure`]: a command that cannot be decided or written
//! - [`facts`], [`origin`]: the decision's value, and the metadata that it carries
//! - [`encode`], [`codecs`], [`record_factory`]: from facts to records
//!
//! This module does not use a broker.

pub(crate) mod aggregate_id;
pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod checks;
pub(crate) mod codecs;
pub(crate) mod command;
pub(crate) mod deadline;
pub(crate) mod decision;
pub(crate) mod encode;
pub(crate) mod facts;
pub(crate) mod failure;
pub(crate) mod fault;
pub(crate) mod handle;
pub(crate) mod inputs;
pub(crate) mod origin;
pub(crate) mod record_factory;
pub(crate) mod workflow;

#[cfg(test)]
mod tests;
