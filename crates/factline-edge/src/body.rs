//! Reads a request's body: JSON or empty, limited in size and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use factline_http::Problem;
use factline_http::problem::FieldError;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use crate::json::{self, Document};

/// Maximum number of bytes of a body.
pub const MAX_BYTES: usize = 256 * 1024;

/// Maximum number of bytes that are read of a body that is too large. A client that is still
/// sending when the connection closes may never see the response. So a body of a reasonable size is
/// read to its end and discarded.
const MAX_BYTES_READ: usize = 8 * 1024 * 1024;

/// Time limit for a client to send its body.
const TIME: Duration = Duration::from_secs(10);

/// An object, and the errors at its first duplicate keys.
pub type Object = (Map<String, Value>, Vec<FieldError>);

/// Reads a body to its end. Fails if it is too large, interrupted or too slow.
pub async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(TIME, read_all(body))
        .await
        .unwrap_or_else(|_| Err(timed_out()))
}

/// Creates the problem of a body that takes too long.
pub fn timed_out() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request-timeout",
        "The request took too long to arrive",
    )
}

async fn read_all(mut body: Body) -> Result<Vec<u8>, Problem> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let broken = |_| {
            Problem::invalid_request().detail("the connection broke before the whole body arrived")
        };
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue; // trailers are ignored
        };
        length += data.len();
        if length <= MAX_BYTES {
            bytes.extend_from_slice(&data);
        } else if length > MAX_BYTES_READ {
            break;
        }
    }
    if length > MAX_BYTES {
        return Err(Problem::too_large(MAX_BYTES));
    }
    Ok(bytes)
}

/// Reads a body as a JSON object, or returns an error about the whole body. An empty body is an
/// empty object.
pub fn parse(bytes: &[u8]) -> Result<Object, FieldError> {
    if bytes.is_empty() {
        return Ok((Map::new(), Vec::new()));
    }
    let wrong = |detail| FieldError {
        pointer: Some(String::new()),
        parameter: None,
        detail,
    };
    match json::parse(bytes) {
        Ok(Document {
            value: Value::Object(object),
            duplicates,
        }) => Ok((object, duplicates)),
        Ok(_) => Err(wrong("must be an object".to_owned())),
        Err(error) => Err(wrong(format!("is not JSON: {error}"))),
    }
}

/// Refuses a body whose media type is not JSON. An empty body needs no media type.
pub fn check_media_type(headers: &HeaderMap, bytes: &[u8]) -> Result<(), Problem> {
    if bytes.is_empty() {
        return Ok(());
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(Problem::unsupported_media_type(
            "a body must not be compressed",
        ));
    }
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match media_type {
        Some(media_type) if is_json(&media_type) => Ok(()),
        _ => Err(Problem::unsupported_media_type(
            "a body must be application/json",
        )),
    }
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}
