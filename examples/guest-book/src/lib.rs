//! A guest book: `PUT /guests/ada` signs it, and `GET /guests/ada` shows Ada's page.

pub mod page;
pub mod rules;

use factline::{AggregateType as _, Contract};

/// The contracts, for processes that serve all aggregates.
pub const CONTRACTS: &[&Contract] = &[rules::guest::Type::CONTRACT];
