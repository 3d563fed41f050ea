//! What an HTTP service of Factline says in the same way as every other: problems, entity tags, pages, positions.
//!
//! It holds no routes and no business. Extractors ([`Query`], [`Path`]) do what axum's do, and refuse with a
//! [`Problem`] instead of plain text. To add a kind of problem: a constructor in [`problem`], with its own slug.

pub mod etag;
pub mod extract;
pub mod fallback;
pub mod freshness;
pub mod page;
pub mod problem;

pub use extract::{Path, Query};
pub use page::Page;
pub use problem::Problem;
