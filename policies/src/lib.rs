//! The policies of the store: rules between aggregates that turn facts into commands.
//!
//! A policy is pure and depends only on schemas: see [`factline::Policy`]. To add one, add a module
//! for its process and its line in [`hosted`]. The process itself is `main.rs`.

pub mod checkout;
pub mod hosted;
