//! The projection process: follows events and maintains the views that readers query.
//!
//! Views are grouped by context. `<context>/<view>.rs` is the pure projection: the rows that an
//! event concerns, and the changes to them. The folder beside it has the SQL (`table.rs`) and the
//! migrations. A view depends neither on the handlers, whose events it reads, nor on the services
//! that read its rows. No other process writes its tables.
//!
//! To add a view, write a module like [`ordering::orders`] and declare it in `<context>.rs`. Then
//! add its `VIEW` to [`views::ALL`]. The first view of a context also needs the context's module
//! below. To change the contents of a view, raise its version in a new schema beside the old one.
//! Applied migrations never change.

pub mod catalog;
pub mod checkout;
mod columns;
pub mod migrate;
pub mod ordering;
pub mod payment;
pub mod views;
