//! The links between aggregates: whenever this has happened, ask for that.
//!
//! A policy is pure, and knows schemas only: see [`factline::Policy`]. To add one: a module for its process, and its line in
//! [`hosted`]. The process itself is `main.rs`.

pub mod checkout;
pub mod hosted;
