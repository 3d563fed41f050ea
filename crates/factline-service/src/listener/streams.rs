//! Ends streams of server-sent events when the process drains. Otherwise they would keep it from
//! ending: clients reconnect to another instance.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

/// The media type of server-sent events.
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// Ends the body of a stream at the shutdown; middleware.
pub(crate) async fn end(
    State(shutdown): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let media_type = response.headers().get(CONTENT_TYPE);
    if !media_type.is_some_and(|media_type| media_type.as_bytes().starts_with(EVENT_STREAM)) {
        return response;
    }
    response.map(|body| {
        let events = body.into_data_stream();
        Body::from_stream(events.take_until(shutdown.cancelled_owned()))
    })
}
