//! Policies on a real Kafka: every fact leads to its command, and the command takes effect once,
//! whatever happens to the host.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

mod children;
mod gate;
mod killed;
mod leaves;
mod moves;
mod parks;
mod policies;
mod returns;
mod rig;
mod starts;
mod stops;
