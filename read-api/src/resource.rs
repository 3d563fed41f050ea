//! What this service can be asked about.

use axum::Router;
use factline_postgres::Snapshots;

/// Everything that there is: to add a resource, its line.
pub(crate) const ALL: &[Resource] = &[
    crate::checkout::checkouts::RESOURCE,
    crate::ordering::customers::RESOURCE,
    crate::ordering::orders::RESOURCE,
    crate::payment::payments::RESOURCE,
    crate::catalog::products::RESOURCE,
];

/// A resource: its routes, and the views that it is read from.
pub(crate) struct Resource {
    pub(crate) routes: fn() -> Router<Snapshots>,
    /// The relations with the views' checkpoints.
    pub(crate) checkpoints: &'static [&'static str],
}
