//! Kafka clients: their configuration, and what they ask brokers beside the hosts' loops.
//!
//! - [`config`], [`security`]: addresses, properties, encryption and sign-in
//! - [`broker_queries`]: questions to brokers on a connection of its own, answered in a later turn of the caller's loop
//! - [`ffi`]: calls to librdkafka that the `rdkafka` crate does not wrap; the only unsafe code of this crate
//!
//! Records are neither produced nor fetched here.

pub mod broker_queries;
pub mod config;
pub mod ffi;
pub mod security;
