//! Questions over HTTP, answered from a real database.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod checkouts;
mod customers;
mod freshness;
mod orders;
mod payments;
mod products;
mod refusals;
mod rights;
mod stage;
