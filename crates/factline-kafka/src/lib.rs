//! Apache Kafka as an event store: topics, schemas on the wire, and the host that handles commands exactly once.
//!
//! - [`config`], [`security`]: how a process finds Kafka and is let in
//! - [`topics`], [`provision`], [`plan`]: what exists, under which names, with which settings
//! - [`trim`]: deletes commands that were handled
//! - [`registry`], [`frame`], [`decode`], [`record`], [`headers`]: from bytes to messages and back
//! - [`handler`]: the command handler
//! - [`reaction`], [`policy`], [`member`], [`arrivals`], [`condition`]: what is done about facts, at least once, and what policies ask for, once in effect
//! - [`ends`], [`reading`], [`history`]: where partitions end, what stands on a topic, and what happened to one aggregate, for tools
//!
//! This crate knows no business: an aggregate comes in as a [`factline::Aggregate`] and a [`factline::Contract`].

pub mod append;
pub mod arrivals;
mod broker_queries;
mod brokers;
pub mod condition;
pub mod config;
pub mod decode;
pub mod ends;
pub mod frame;
pub mod handler;
pub mod headers;
pub mod history;
pub mod identity;
pub mod member;
mod native;
mod orphans;
pub mod plan;
pub mod policy;
pub mod poll_gap;
pub mod producer;
pub mod provision;
pub mod pulse;
pub mod reaction;
pub mod reading;
pub mod record;
pub mod registry;
pub mod retention;
pub mod security;
mod starting;
pub mod takeovers;
pub mod topics;
pub mod trim;

pub use config::KafkaConfig;
pub use headers::Headers;
pub use record::Record;
pub use registry::Registry;
pub use security::KafkaSecurity;
pub use topics::Topics;

/// An error with its sources in one line, as logs and readiness tell it.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
