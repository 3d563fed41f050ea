//! The events of all operations, in the order of the feed.
//!
//! A stream reads the database until it has caught up with the feed. From then on, the changes come
//! from the [`watch`](crate::watch), which reads them once for all streams. A stream that lags
//! behind it reads the database again.

use std::collections::VecDeque;

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use sqlx::PgPool;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::sleep;

use crate::answers::Answers;
use crate::contracts::Resources;
use crate::feed::{self, Change, PAGE};
use crate::watch::{News, RETRY_PAUSE};

use super::Sent;

/// The last event that a client has seen: the number of a change, and the rank of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    number: i64,
    rank: i16,
}

impl Seen {
    /// Reads the id of an event.
    pub(super) fn read(id: &str) -> Option<Self> {
        let (number, rank) = id.split_once('.')?;
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(number) && digits(rank)).then_some(Self {
            number: number.parse().ok()?,
            rank: rank.parse().ok()?,
        })
    }

    fn id(self) -> String {
        format!("{}.{}", self.number, self.rank)
    }

    /// Follows all events of the changes up to a number.
    fn end_of(number: i64) -> Self {
        Self {
            number,
            rank: i16::MAX,
        }
    }
}

/// Returns the events after the last one that the client has seen, or those from now on.
pub(super) fn stream(
    answers: &Answers,
    user_id: Option<String>,
    seen: Option<Seen>,
) -> impl Stream<Item = Event> + Send + use<> {
    let events = Events {
        pool: answers.pool.clone(),
        resources: answers.resources.clone(),
        // Subscribed before the database is read, so that nothing is missed in between.
        news: answers.watch.all(),
        user_id,
        seen,
        begins: true,
        ready: VecDeque::new(),
        has_caught_up: false,
    };
    stream::unfold(events, async |mut events| {
        let event = events.next().await?;
        Some((event, events))
    })
}

struct Events {
    pool: PgPool,
    resources: Resources,
    news: broadcast::Receiver<News>,
    user_id: Option<String>,
    seen: Option<Seen>,
    /// Set until the place of the client has been compared with the feed.
    begins: bool,
    ready: VecDeque<Event>,
    has_caught_up: bool,
}

impl Events {
    /// Returns the next event. There is none if the task that reads the feed has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if !self.has_caught_up {
                if let Err(error) = self.catch_up().await {
                    tracing::debug!(%error, "cannot read the feed for a stream; retrying");
                    sleep(RETRY_PAUSE).await;
                }
                continue;
            }
            match self.news.recv().await {
                Ok(News::Changes(changes)) => self.add(&changes),
                Ok(News::Gap) | Err(RecvError::Lagged(_)) => self.has_caught_up = false,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads the next page from the database.
    async fn catch_up(&mut self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        if std::mem::take(&mut self.begins) {
            let range = feed::range(&mut connection).await;
            let range = range.inspect_err(|_| self.begins = true)?;
            let is_kept = |seen: &Seen| (range.before..=range.last).contains(&seen.number);
            if self.seen.as_ref().is_none_or(|seen| !is_kept(seen)) {
                let now = Seen::end_of(range.last);
                let first = match self.seen.replace(now) {
                    // Without data it is no event, but a client that reconnects knows its place.
                    None => Event::default().id(now.id()),
                    Some(_) => Event::default()
                        .id(now.id())
                        .event("operations_reset")
                        .data(r#"{"reason":"the changes after the last event are not kept"}"#),
                };
                self.ready.push_back(first);
            }
        }
        // The client may have seen only some events of its last change.
        let before = self.seen.map_or(0, |seen| seen.number - 1);
        let changes = feed::after(&mut connection, before).await?;
        self.add(&changes);
        self.has_caught_up = changes.len() < PAGE;
        Ok(())
    }

    /// Adds the events of changes that the client has not seen.
    fn add(&mut self, changes: &[Change]) {
        for change in changes {
            let operation = &change.operation;
            let is_selected = self
                .user_id
                .as_ref()
                .is_none_or(|user| *user == operation.user_id);
            if is_selected {
                for transition in change.transitions() {
                    let this = Seen {
                        number: change.number,
                        rank: transition.rank,
                    };
                    if self.seen.is_some_and(|seen| this <= seen) {
                        continue;
                    }
                    let sent = Sent::new(operation, &transition, &self.resources);
                    self.ready.push_back(sent.event(&this.id()));
                }
            }
            // The changes of other users are passed, too.
            self.seen = self.seen.max(Some(Seen::end_of(change.number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_an_id(text in prop_oneof![
            any::<String>(),
            "[0-9.+-]{0,30}",
            (any::<i64>(), any::<i16>()).prop_map(|(number, rank)| format!("{number}.{rank}")),
        ]) {
            if let Some(seen) = Seen::read(&text) {
                prop_assert!(seen.number >= 0 && seen.rank >= 0);
                prop_assert_eq!(Seen::read(&seen.id()), Some(seen));
            }
        }
    }

    #[test]
    fn ids_of_events_roundtrip_and_others_are_refused() {
        let seen = Seen {
            number: 17,
            rank: 2,
        };
        assert_eq!(Seen::read(&seen.id()), Some(seen));
        for text in [
            "",
            "17",
            "17.",
            ".2",
            "-1.2",
            "17.2.3",
            "x.2",
            "99999999999999999999.2",
        ] {
            assert_eq!(Seen::read(text), None, "{text}");
        }
        assert!(Seen::end_of(16) < seen && seen < Seen::end_of(17));
    }
}
