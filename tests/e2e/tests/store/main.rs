//! The store over HTTP, as a client uses it.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod backup;
mod cancels;
mod checkouts;
mod client;
mod copied;
mod judged;
mod life_of_a_product;
mod life_of_an_order;
mod outages;
mod refusals;
mod schedules;
mod status;
mod tool;
mod waiting;
