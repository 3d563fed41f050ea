//! The view: a page for each guest.

use factline_app::{Document, Id, Resource, Rows};

use crate::rules::guest::{self, Event};

/// A guest's page.
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Page {
    words: String,
    times: u32,
}

pub const RESOURCES: &[Resource] = &[Resource::new("guest")
    .items(&[Rows::document::<Page>().item("/guests/{id}", Id::text("id", "[a-z]{1,20}"))])];

impl Document for Page {
    type Source = guest::Type;
    const NAME: &'static str = "pages";
    const VERSION: i32 = 1;

    fn apply(page: Option<Self>, event: &factline::Recorded<Event>) -> Option<Self> {
        let Event::Signed(signed) = &event.event;
        let words = signed.words.clone();
        let times = page.map_or(1, |page| page.times + 1);
        Some(Self { words, times })
    }
}
