//! Entity tags, which save sending the same response twice.
//!
//! A tag is strong and derives from the bytes themselves. Therefore it covers everything that the
//! response contains, and two instances compute the same tag.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Problem;

/// Returns the strong tag of a body, with its quotes. Half of its SHA-256 is sufficient.
pub fn of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

/// Returns true if `If-None-Match` names this tag. The comparison is weak, as RFC 9110 §13.1.2
/// requires.
pub fn is_known(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Returns 200 with the body as JSON and its tag, or 304 if the client has it. Caches must
/// revalidate each time, because a read model changes without notice.
pub fn json(request: &HeaderMap, body: &impl Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
    let tag = of(&bytes);
    let mut response = if is_known(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json)], bytes).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::internal(&error))?;
    headers.insert(ETAG, tag);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, value.parse().unwrap());
        headers
    }

    #[test]
    fn known_tag_matches_in_every_form() {
        let tag = of(b"body");
        for value in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            assert!(is_known(&asking(&value), &tag), "{value}");
        }
        assert!(!is_known(&asking(&of(b"other")), &tag));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }

    #[test]
    fn known_tag_gives_an_empty_response() {
        let first = json(&HeaderMap::new(), &[1, 2]).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let second = json(&asking(&tag), &[1, 2]).unwrap();
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(second.headers()[ETAG], tag.as_str());
        let changed = json(&asking(&tag), &[1, 3]).unwrap();
        assert_eq!(changed.status(), StatusCode::OK);
    }
}
