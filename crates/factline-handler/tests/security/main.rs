//! A real Kafka that wants a login and goes by `deploy/kafka/acls.txt`: each process can do its work as its own user, and
//! Kafka itself refuses what is not its work.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

#[path = "../handler/account.rs"]
mod account;
mod allowed;
mod refused;
mod stage;
