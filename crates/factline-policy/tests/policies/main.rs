//! Policies on real Kafka: every fact leads to its command, once in effect, whatever happens to their host.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod children;
mod gate;
mod killed;
mod leaves;
mod policies;
mod returns;
mod rig;
mod starts;
mod stops;
