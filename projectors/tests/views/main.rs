//! Tests of the views: the effect of each event on their rows, and that the tables hold exactly
//! these rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalog;
mod checkouts;
mod customer_spending;
mod followed;
mod golden;
mod histories;
mod orders;
mod payments;
mod price_history;
mod products;
mod schedules;
mod shuffle;
mod tables;
