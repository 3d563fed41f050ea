//! Kafka clients: their configuration, and broker queries outside the loops of the hosts.
//!
//! - [`config`], [`security`]: addresses, properties, encryption and sign-in
//! - [`broker_queries`]: broker queries on a separate connection, answered in a later turn of the
//!   caller's loop
//! - [`transient`]: errors that pass by themselves
//! - [`ffi`]: calls to librdkafka that the `rdkafka` crate does not wrap
//!
//! This module neither produces nor fetches records.

pub mod broker_queries;
pub mod config;
pub mod ffi;
pub mod security;
pub mod transient;
