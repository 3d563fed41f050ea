//! Common parts of Factline's HTTP services: problems, entity tags, pages, positions, OpenAPI.
//!
//! The crate has no routes and no business rules. Extractors ([`Query`], [`Path`]) do what axum's
//! do, and reject with a [`Problem`] instead of plain text. To add a kind of problem, add a
//! constructor in [`problem`] with its own slug.

pub mod accepted;
pub mod etag;
pub mod extract;
pub mod fallback;
pub mod freshness;
pub mod id_pattern;
pub mod openapi;
pub mod page;
pub mod prefer;
pub mod problem;
pub mod resource;

pub use extract::{Path, Query};
pub use page::Page;
pub use problem::Problem;

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
