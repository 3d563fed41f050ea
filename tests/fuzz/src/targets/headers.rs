//! Headers of requests: idempotency key, conditions, trace context, content type, position, entity
//! tags.
//!
//! An input is a list of lines `name: value`.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use factline_edge::preconditions::Conditions;
use factline_edge::{body, idempotency, traceparent};
use factline_http::{etag, freshness, prefer};

use super::lines;
use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "headers",
    most_bytes: 64 << 10,
    seeds,
    memory_of_byte: 0,
    read,
};

fn read(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, value) in lines(input) {
        // The server refuses other names and values before any of our code sees them.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && headers.try_append(name, value).is_err()
        {
            return;
        }
    }
    let mut errors = Vec::new();
    if let Some(key) = idempotency::key(&headers, &mut errors) {
        assert!((1..=255).contains(&key.len()));
        idempotency::scope("ada", "POST", "/orders", None, &key);
    }
    let conditions = Conditions::read(&headers, &mut errors);
    assert!(conditions.time_to_live.is_none_or(|time| time > 0));
    assert!(errors.iter().all(|error| error.parameter.is_some()));
    if let Some(parent) = traceparent::parent(&headers) {
        assert!(parent.len() <= 256 && parent.is_ascii());
    }
    let _ = body::check_media_type(&headers, b"{}");
    let known = etag::is_known(&headers, "\"a\"");
    assert!(!known || headers.contains_key("if-none-match"));
    if let Some(wait) = prefer::wait(&headers) {
        assert!(headers.contains_key(prefer::PREFER));
        let applied = prefer::applied(wait);
        assert!(applied.as_bytes().starts_with(b"wait="));
    }
    if let Ok(Some(position)) = freshness::position(&headers) {
        assert!(position.points().len() <= factline::position::MAX_POINTS);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let position = super::position::example();
    let headers = format!(
        "idempotency-key: \"k-1\\\"\"\nfactline-expected-version: 7\nfactline-time-to-live: 1500\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n\
         prefer: respond-async, wait=10\nif-match: \"7\"\n\
         content-type: application/json; charset=utf-8\ncontent-encoding: identity\n\
         if-none-match: W/\"a\", \"b\"\nfactline-position: {position}, {position}"
    );
    let each = headers.split('\n').map(|line| line.as_bytes().to_vec());
    each.chain([headers.as_bytes().to_vec(), b"if-match: *".to_vec()])
        .collect()
}
