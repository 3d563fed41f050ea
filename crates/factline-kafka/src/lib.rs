//! Apache Kafka as an event store: clients, records, topics, the command producer and consumers.
//!
//! - [`client`]: connects and signs in to Kafka, and queries brokers outside the loops of the hosts
//! - [`records`]: decodes bytes to messages, and encodes messages
//! - [`topics`]: names, settings, first offsets and end offsets of topics
//! - [`producer`]: appends commands, and distinguishes "not persisted" from "unknown"
//! - [`consumer`]: membership in a consumer group, readiness, and the watchdogs
//! - [`tools`]: for operators, reads a topic, the history of one aggregate, and groups with their
//!   backlog, and writes the records of a backup
//! - [`retry`]: retries with a pause, for servers that are unavailable
//!
//! This crate contains no business code: an aggregate comes in as a [`factline::Contract`]. The
//! hosts are built on it: the command handler (`factline-handler`), policies (`factline-policy`)
//! and projections (`factline-postgres`).

pub mod client;
pub mod consumer;
pub mod producer;
pub mod records;
pub mod retry;
pub mod tools;
pub mod topics;

pub use client::config::KafkaConfig;
pub use client::security::KafkaSecurity;
pub use records::headers::Headers;
pub use records::record::Record;
pub use records::registry::Registry;
pub use topics::Topics;

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
