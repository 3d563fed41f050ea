//! Lists.

use super::filter::Filter;
use super::id::Id;
use super::rows::Rows;
use super::sort::Sort;

/// Number of rows of a page if the request does not set it.
const LIMIT: usize = 50;
/// Maximum number of rows of a page.
const MAX_LIMIT: usize = 500;

/// List that is read page by page: `GET /orders?customer=&sort=&limit=&after=`.
#[derive(Debug, Clone, Copy)]
pub struct List {
    pub(crate) path: &'static str,
    pub(crate) rows: Rows,
    pub(crate) summary: &'static str,
    pub(crate) within: Option<Id>,
    pub(crate) is_never_empty: bool,
    pub(crate) filters: &'static [Filter],
    pub(crate) sorts: &'static [Sort],
    pub(crate) default_limit: usize,
    pub(crate) max_limit: usize,
}

impl Rows {
    /// A list of these rows: `/orders`. The first sort order is the default.
    pub const fn list(self, path: &'static str, sorts: &'static [Sort]) -> List {
        List {
            path,
            rows: self,
            summary: "",
            within: None,
            is_never_empty: false,
            filters: &[],
            sorts,
            default_limit: LIMIT,
            max_limit: MAX_LIMIT,
        }
    }
}

impl List {
    /// Sets the filters.
    #[must_use]
    pub const fn filters(self, filters: &'static [Filter]) -> Self {
        Self { filters, ..self }
    }

    /// Lists only the rows of one item, whose id is in the path: `/products/{id}/prices`.
    #[must_use]
    pub const fn within(self, id: Id) -> Self {
        let within = Some(id);
        Self { within, ..self }
    }

    /// Answers 404 if the item has no rows, because an item that exists has at least one.
    #[must_use]
    pub const fn never_empty(self) -> Self {
        let is_never_empty = true;
        Self {
            is_never_empty,
            ..self
        }
    }

    /// Sets the number of rows of a page: the default, and the maximum that a request can set. They
    /// are 50 and 500 otherwise. A page has fewer rows if they exceed
    /// [`MAX_BYTES`](crate::listing::MAX_BYTES).
    #[must_use]
    pub const fn limits(self, default: usize, max: usize) -> Self {
        Self {
            default_limit: default,
            max_limit: max,
            ..self
        }
    }

    /// Describes the list in the OpenAPI document, in a few words.
    #[must_use]
    pub const fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }
}
