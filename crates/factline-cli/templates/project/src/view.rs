//! The view of {view words}.

use factline::Recorded;
use factline_app::{Document, Id, Resource, Rows, Sort, asc};
use serde::{Deserialize, Serialize};

use crate::records::{aggregate}::{self, Event};

/// The {aggregate words} as clients see it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct {Document} {
    name: String,
}

impl Document for {Document} {
    type Source = {aggregate}::Type;
    const NAME: &'static str = "{view-}";
    const VERSION: i32 = 1;

    fn apply(document: Option<Self>, event: &Recorded<Event>) -> Option<Self> {
        let mut document = document.unwrap_or_default();
        match &event.event {
            Event::{Aggregate}Created(created) => document.name.clone_from(&created.name),
        }
        Some(document)
    }
}

const ROWS: Rows = Rows::document::<{Document}>();

/// `GET /{view-}/1`, and `GET /{view-}` page by page.
pub const RESOURCE: Resource = Resource::new("{document words}")
    .items(&[ROWS.item("/{view-}/{id}", Id::text("id", "[A-Za-z0-9-]{1,40}"))])
    .lists(&[ROWS.list("/{view-}", &[BY_ID])]);

const BY_ID: Sort = Sort::by("id", &[asc("id")], &["{view}_pkey"]);

#[cfg(test)]
mod tests {
    use factline::testing::recorded;

    use super::*;
    use crate::records::{Aggregate}Created;

    #[test]
    fn {document}_shows_its_name() {
        let name = "a".to_owned();
        let created = recorded::<Event>("1", {Aggregate}Created { name: name.clone() });
        assert_eq!({Document}::apply(None, &created), Some({Document} { name }));
    }
}
