//! Items that are read by their id.

use super::id::Id;
use super::rows::Rows;

/// Item that is read by its id: `GET /orders/{id}`.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub(crate) path: &'static str,
    pub(crate) rows: Rows,
    pub(crate) id: Id,
    pub(crate) summary: &'static str,
}

impl Rows {
    /// An item of these rows, read by its id: `/orders/{id}`.
    pub const fn item(self, path: &'static str, id: Id) -> Item {
        Item {
            path,
            rows: self,
            id,
            summary: "",
        }
    }
}

impl Item {
    /// Describes the item in the OpenAPI document, in a few words.
    #[must_use]
    pub const fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }
}
