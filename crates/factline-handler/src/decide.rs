//! Deciding a batch: from commands and due deadlines to events, outcomes and next states.
//!
//! - [`batch`]: all that one transaction holds
//! - [`command`], [`deadline`]: one command, one deadline
//! - [`decision`]: the aggregate's rule, and what its events lead to
//! - [`record_factory`]: builds the records
//!
//! Nothing here talks to a broker.

pub(crate) mod batch;
pub(crate) mod command;
pub(crate) mod deadline;
pub(crate) mod decision;
pub(crate) mod record_factory;
