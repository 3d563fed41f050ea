//! The view: a page for each guest.

use crate::rules::guest::{self, Event};

#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    pub words: String,
    pub times: u32,
}

impl factline_app::Document for Page {
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
