//! The resources of the store's read side. The machinery is in `factline-read`.
//!
//! Resources are grouped by context: the module `<context>/<resource>.rs` has the structs of the
//! responses and a `RESOURCE`, which declares the routes. To add a resource, add its module to
//! `<context>.rs` and its `RESOURCE` to [`RESOURCES`]. The first resource of a context also needs
//! the context's module below.

#![expect(
    clippy::struct_field_names,
    reason = "a field of a response has the name that clients know"
)]

mod catalog;
mod checkout;
pub mod money;
mod ordering;
mod payment;
mod scheduling;

use factline_read::Resource;

/// All resources. To add one, add its line.
pub const RESOURCES: &[Resource] = &[
    checkout::checkouts::RESOURCE,
    ordering::customers::RESOURCE,
    ordering::orders::RESOURCE,
    payment::payments::RESOURCE,
    catalog::products::RESOURCE,
    scheduling::schedules::RESOURCE,
];
