//! Requests over HTTP, with responses from a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checkouts;
mod customers;
mod freshness;
mod openapi;
mod orders;
mod parked;
mod payments;
mod plans;
mod products;
mod refusals;
mod rights;
mod schedules;
mod stage;
mod states;
