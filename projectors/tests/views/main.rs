//! The views: what each event does to their rows, and that the tables hold just that.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod catalog;
mod checkouts;
mod customer_spending;
mod followed;
mod histories;
mod orders;
mod payments;
mod price_history;
mod products;
mod shuffle;
mod tables;
