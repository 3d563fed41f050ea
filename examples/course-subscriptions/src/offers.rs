//! The view: the courses on offer, found by the beginning of their titles.

use factline::Recorded;
use factline_app::{Document, Filter, GeneratedColumn, Id, Resource, Rows, Sort, asc};

use crate::school::course::{self, Event};

/// A course as clients see it.
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Offer {
    title: String,
    capacity: i32,
    taken: i32,
}

const ROWS: Rows = Rows::document::<Offer>();

/// `GET /courses/kafka` and `GET /courses?title=Ka`
pub const RESOURCES: &[Resource] = &[Resource::new("course")
    .items(&[ROWS.item("/courses/{id}", Id::text("id", "[a-z0-9-]{1,40}"))])
    .lists(&[ROWS
        .list("/courses", &[BY_TITLE])
        .filters(&[Filter::prefix("title", "title")])])];

const BY_TITLE: Sort = Sort::by(
    "title",
    &[asc("title"), asc("id")],
    &["offers_title_id_idx"],
);

impl Document for Offer {
    type Source = course::Type;
    const NAME: &'static str = "offers";
    const VERSION: i32 = 1;
    const COLUMNS: &'static [GeneratedColumn] = &[GeneratedColumn::text("title").not_null()];
    const INDEXES: &'static [&'static str] = &["title, id"];

    fn apply(offer: Option<Self>, event: &Recorded<Event>) -> Option<Self> {
        let mut offer = offer.unwrap_or_default();
        match &event.event {
            Event::CourseDefined(defined) => {
                offer.title.clone_from(&defined.title);
                offer.capacity = defined.capacity;
            }
            Event::SeatTaken(_) => offer.taken += 1,
            Event::SeatGivenBack(_) => offer.taken -= 1,
        }
        Some(offer)
    }
}
