//! Responses to requests that no route matches.
//!
//! ```no_run
//! let router: axum::Router = axum::Router::new()
//!     .fallback(factline_http::fallback::not_found)
//!     .method_not_allowed_fallback(factline_http::fallback::method_not_allowed);
//! ```
//!
//! Call `method_not_allowed_fallback` after the last route is added: it affects only existing
//! routes.

use std::future::{Ready, ready};

use axum::http::Uri;

use crate::Problem;

/// Returns 404 for a path that no route has.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an extractor is passed by value"
)]
pub fn not_found(uri: Uri) -> Ready<Problem> {
    ready(Problem::not_found(format!(
        "there is no resource at {}",
        uri.path()
    )))
}

/// Returns 405 for a method that the route does not have; axum adds `Allow`.
pub fn method_not_allowed() -> Ready<Problem> {
    ready(Problem::method_not_allowed(None))
}
