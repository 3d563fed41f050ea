//! The projection process: follows events and keeps the views that readers ask.
//!
//! A view is a folder: which rows an event concerns and what becomes of them (pure), the SQL beside it, its migrations. It
//! knows neither the handlers, whose events it reads, nor the services that read its rows. Nothing else writes its tables.
//!
//! To add a view: a module like [`ordering::orders`], with its line below and in [`views::ALL`]. To change what a view holds: raise its version in a
//! new schema beside the old one; applied migrations never change.

pub mod catalog;
pub mod checkout;
mod columns;
pub mod migrate;
pub mod ordering;
pub mod payment;
pub mod views;
