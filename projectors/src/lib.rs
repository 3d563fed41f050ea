//! The projection process: follows events and maintains the views that readers query.
//!
//! Views are grouped by context. `<context>/<view>.rs` is the view: its row, the rows that an event
//! concerns, and the changes to them. The folder beside it has the migrations. A view depends
//! neither on the handlers, whose events it reads, nor on the services that read its rows. No other
//! process writes its tables.
//!
//! To add a view, write a module like [`ordering::orders`] and declare it in `<context>.rs`. Then
//! add its line to [`views::ALL`]. The first view of a context also needs the context's module
//! below. See [`factline_postgres::view`] for the kinds of views, and for changes of a view.

pub mod catalog;
pub mod checkout;
pub mod ordering;
pub mod payment;
pub mod scheduling;
pub mod views;
