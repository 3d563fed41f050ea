//! The common part of the tests on real servers. Only tests depend on it.
//!
//! - [`fixture`]: a topic prefix on Kafka and a registry, and the records of one test
//! - [`commands`]: commands as the edge writes them
//! - [`mod@messages`]: the messages of a test's aggregate
//! - [`registry_front`]: a front of the registry that can fail
//! - [`reports`]: the readiness that hosts in the test process report
//! - [`wait`]: waits for conditions
//! - [`mod@seed`]: seeds of random tests
//!
//! The functions fail the test by a panic.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

pub mod commands;
pub mod fixture;
pub mod messages;
pub mod registry_front;
pub mod reports;
pub mod seed;
pub mod wait;

pub use commands::CommandTopic;
pub use fixture::{Fixture, kafka_config, servers};
pub use registry_front::{Behaviour, RegistryFront};
pub use reports::Reports;
pub use seed::{seed, seeded_random};
pub use wait::{PATIENCE, eventually, found};
