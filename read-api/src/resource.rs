//! The resources of this service.

use axum::Router;
use factline_postgres::ConsistentReads;

/// All resources. To add one, add its line.
pub(crate) const ALL: &[Resource] = &[
    crate::checkout::checkouts::RESOURCE,
    crate::ordering::customers::RESOURCE,
    crate::ordering::orders::RESOURCE,
    crate::payment::payments::RESOURCE,
    crate::catalog::products::RESOURCE,
];

/// A resource: its routes, and the views that it is read from.
pub(crate) struct Resource {
    pub(crate) routes: fn() -> Router<ConsistentReads>,
    /// The relations with the checkpoints of the views.
    pub(crate) checkpoints: &'static [&'static str],
}
