//! A real Kafka with authentication and the rules of `deploy/kafka/acls.txt`. Each process can do
//! its work as its user, and Kafka rejects all other requests.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

#[path = "../handler/account.rs"]
mod account;
mod allowed;
mod refused;
mod stage;
