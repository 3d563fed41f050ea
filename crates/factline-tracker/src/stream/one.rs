//! The events of one operation, until it has ended.

use std::sync::Arc;

use axum::response::sse::Event;
use factline_http::Problem;
use futures_util::{Stream, stream};

use crate::contracts::Resources;
use crate::feed::NO_RANK;
use crate::history;
use crate::observation;
use crate::states::STATES;
use crate::store::Found;
use crate::watch::Watched;

use super::{Sent, wrong};

/// The rank of the states that end an operation.
const TERMINAL: i16 = 2;

/// Returns the rank of the state that an event's id names.
pub(super) fn rank(id: &str) -> Result<i16, Problem> {
    let found = STATES.into_iter().find(|state| state.as_str() == id);
    found
        .map(observation::rank)
        .ok_or_else(|| wrong("Last-Event-ID"))
}

/// The transitions of an operation that a client has not seen.
pub(super) struct Events {
    latest: Arc<Found>,
    watched: Watched,
    /// The rank of the last state that was sent.
    sent: i16,
}

impl Events {
    /// Begins with an operation, of which the client has seen the states up to a rank.
    pub(super) fn new(latest: Arc<Found>, watched: Watched, seen: Option<i16>) -> Self {
        Self {
            latest,
            watched,
            sent: seen.unwrap_or(NO_RANK),
        }
    }

    /// Returns whether the client has seen the end.
    pub(super) fn is_over(&self) -> bool {
        self.sent >= TERMINAL
    }

    /// Returns the stream, which ends with the operation.
    pub(super) fn into_stream(self, resources: Resources) -> impl Stream<Item = Event> + Send {
        stream::unfold((self, resources), async |(mut events, resources)| {
            if events.is_over() {
                return None;
            }
            let event = events.next(&resources).await;
            Some((event, (events, resources)))
        })
    }

    async fn next(&mut self, resources: &Resources) -> Event {
        loop {
            let operation = &self.latest.operation;
            let transitions = history::of(operation);
            let next = transitions
                .iter()
                .find(|transition| transition.rank > self.sent);
            if let Some(next) = next {
                self.sent = next.rank;
                return Sent::new(operation, next, resources).event(next.state);
            }
            self.latest = self.watched.next().await;
        }
    }
}
