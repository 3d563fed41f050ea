//! Views on a real database: columns, tables, versions, documents and sums.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

mod additive;
mod by_hand;
mod columns;
mod documents;
mod parked;
mod pasts;
mod rebuilds;
mod sales;
mod shared_rows;
mod shop;
mod stage;
mod states;
mod tables;
mod versions;
