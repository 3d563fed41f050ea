//! The view of {view words}.

use factline::Recorded;
use factline_app::Document;
use serde::{Deserialize, Serialize};

use crate::records::{aggregate}::{self, Event};

/// The document of one {aggregate words}.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct {Document} {
    changes: i64,
}

impl Document for {Document} {
    type Source = {aggregate}::Type;
    const NAME: &'static str = "{view-}";
    const VERSION: i32 = 1;

    fn apply(document: Option<Self>, event: &Recorded<Event>) -> Option<Self> {
        let mut document = document.unwrap_or_default();
        match &event.event {
            {events} => document.changes += 1,
        }
        Some(document)
    }
}

#[cfg(test)]
mod tests {
    use factline::testing::recorded;

    use super::*;

    #[test]
    fn {document}_counts_changes() {
        let event = recorded::<Event>("1", {event});
        let document = {Document}::apply(None, &event);
        assert_eq!({Document}::apply(document, &event), Some({Document} { changes: 2 }));
    }
}
