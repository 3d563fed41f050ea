//! The read side over HTTP: the rows of the views as JSON.
//!
//! It selects from the stable names in schema `read` and does nothing else. It writes no row, has
//! no connection to a broker and calls no other service. Every response is read from one snapshot
//! of the database. The snapshot is at least as new as the position that the request names.
//!
//! Resources are grouped by context: the module `<context>/<resource>.rs` has the handlers, the SQL
//! and a `RESOURCE`. To add a resource, add its module to `<context>.rs` and its `RESOURCE` to
//! `resource::ALL`. The first resource of a context also needs the context's module below. A
//! resource that is read by its id is a `get_one::Single`; lists have their own handlers.

mod catalog;
mod checkout;
mod get_one;
mod listing;
pub mod money;
mod ordering;
mod parameters;
mod payment;
mod read_your_writes;
pub mod readiness;
mod resource;

use axum::Router;
use factline_http::fallback;
use factline_postgres::ConsistentReads;

/// Returns all routes.
pub fn router(snapshots: ConsistentReads) -> Router {
    let routes = resource::ALL.iter().map(|resource| (resource.routes)());
    routes
        .fold(Router::new(), Router::merge)
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(snapshots)
}
