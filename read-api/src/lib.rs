//! The read side over HTTP: what the views hold, as JSON.
//!
//! It selects from the stable names in schema `read` and does nothing else: it writes no row, knows no broker and asks no
//! other service. Every answer is one snapshot of the database, at least as new as the position that the request names.
//!
//! To add a resource: a module with its handlers and SQL, its line below and in `resource::ALL`. One of something by its id
//! is a `get_one::Single`; lists are its own.

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
use factline_postgres::Snapshots;

/// Every route.
pub fn router(snapshots: Snapshots) -> Router {
    let routes = resource::ALL.iter().map(|resource| (resource.routes)());
    routes
        .fold(Router::new(), Router::merge)
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(snapshots)
}
