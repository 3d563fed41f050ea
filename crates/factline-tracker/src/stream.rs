//! Server-sent events: `GET /operations/{id}/events` for one operation, `GET /operations/events`
//! for all.
//!
//! Each transition is sent once and in its order within an operation. A client that reconnects
//! sends the id of the last event that it has (`Last-Event-ID`), and gets what came after it, from
//! any instance. The id of an event of one operation is its state. That of all operations is
//! `number.rank`, from the [`feed`](crate::feed). [`one`] and [`all`] build the streams, [`event`]
//! an event.

mod all;
mod event;
mod one;
pub mod permits;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use factline_http::{Path, Problem, Query};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::answers::{Answers, Hint, found, operation_id, read_hint};

pub(crate) use event::{EVENT, Sent};
pub use permits::Streams;

/// The request header with the id of the last event that a client has.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Interval of comments, which show to both sides that the connection lives. It is shorter than the
/// time after which proxies close a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Pause after which a client reconnects.
const RECONNECT: Duration = Duration::from_secs(1);

/// Serves the events of one operation, until it has ended.
pub(crate) async fn of_operation(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(Hint { at }): Query<Hint>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = operation_id(&id)?;
    let hint = read_hint(&answers, at.as_deref())?;
    let seen = last_event_id(&headers)?.map(one::rank).transpose()?;
    let permit = answers.streams.open()?;
    let watched = answers.watch.operation(id);
    let first = Box::pin(answers.barrier.find(id, hint.as_ref())).await;
    let first = found(&answers, id, first)?;
    let events = one::Events::new(first, watched, seen);
    if events.is_over() {
        // A client that reconnects after the last event stops at this status.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let resources = answers.resources.clone();
    let stream = events.into_stream(resources);
    Ok(response(permit, stream))
}

/// Selects the operations of a stream over all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// The user who sent the commands.
    pub(crate) user_id: Option<String>,
    /// The id of the last event, for clients that cannot set the header.
    pub(crate) after: Option<String>,
}

/// Serves the events of all operations, or of one user's.
pub(crate) async fn of_all(
    State(answers): State<Answers>,
    Query(selection): Query<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = match last_event_id(&headers)? {
        Some(id) => Some(all::Seen::read(id).ok_or_else(|| wrong("Last-Event-ID"))?),
        None => match selection.after.as_deref() {
            Some(id) => Some(all::Seen::read(id).ok_or_else(|| wrong("after"))?),
            None => None,
        },
    };
    let permit = answers.streams.open()?;
    let stream = all::stream(&answers, selection.user_id, seen);
    Ok(response(permit, stream))
}

/// Returns the value of `Last-Event-ID`. An empty one is that of a client without an event.
fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| wrong("Last-Event-ID"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Creates the 400 of an id that is not from this stream.
fn wrong(parameter: &'static str) -> Problem {
    Problem::invalid_request().parameter(parameter, "is not the id of an event of this stream")
}

/// Sends a stream. The permit is returned with its end.
fn response(
    permit: OwnedSemaphorePermit,
    stream: impl Stream<Item = Event> + Send + 'static,
) -> Response {
    let stream = stream.map(move |event| {
        let _ = &permit;
        Ok::<_, Infallible>(event)
    });
    let stream = futures_util::stream::iter([Ok(Event::default().retry(RECONNECT))]).chain(stream);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    // A proxy that buffers would hold back every event.
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
