//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same request under the same
//! key is one operation, however often it is sent.
//!
//! The edge reads no log. It derives three values: the *scope* in which a key counts, the
//! *fingerprint* of the request's content, and from both the operation's id. The aggregate's
//! handler finds out whether a key was seen before with another body, because the record's headers
//! contain scope and fingerprint. A key that was used for another request makes the operation
//! *rejected*, or is a 422 if this process still knows the first request
//! ([`replays`](crate::replays)).
//!
//! The derivation of scope and fingerprint is frozen (`docs/wire-format.md`), because a newer edge
//! may receive the second attempt.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue};
use factline::id;
use factline_http::openapi::parameters;
use factline_http::problem::FieldError;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::Required;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;

use crate::preconditions::single;

/// The header's name.
pub const HEADER: &str = "Idempotency-Key";

/// Maximum number of characters of a key.
const MAX_CHARACTERS: usize = 255;

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The scope in which the key counts: `ce_idempotencyscope`.
    pub scope: String,
    /// The fingerprint of the request's content: `ce_idempotencyprint`.
    pub fingerprint: String,
}

impl Keyed {
    /// Creates the pair for a body under a key. The body is as the client sent it, before the edge
    /// inserts anything.
    pub fn new(scope: String, body: &Map<String, Value>) -> Self {
        Self {
            scope,
            fingerprint: fingerprint(body),
        }
    }

    /// Returns the operation's id. Another body under the same key is another operation, so that
    /// its rejection has its own address.
    pub fn operation(&self) -> Uuid {
        id::keyed(&self.scope, &self.fingerprint)
    }
}

/// Returns the key of a request. Adds an error if the key cannot be used.
pub fn key(headers: &HeaderMap, errors: &mut Vec<FieldError>) -> Option<String> {
    single(headers, HEADER, errors, |value: &HeaderValue| {
        value.to_str().ok().and_then(read).ok_or_else(|| {
            format!("must be 1 to {MAX_CHARACTERS} visible ASCII characters, with or without quotes around them")
        })
    })
}

/// Returns the error of a request without a key, unless an error says already that its key cannot
/// be used.
pub(crate) fn missing(errors: &[FieldError]) -> Option<FieldError> {
    let is_key = |error: &FieldError| error.parameter.as_deref() == Some(HEADER);
    (!errors.iter().any(is_key)).then(|| FieldError {
        pointer: None,
        parameter: Some(HEADER.to_owned()),
        detail: "must be sent with this command".to_owned(),
    })
}

/// Returns the header's description in OpenAPI.
pub fn parameter(required: bool) -> Parameter {
    // The quoted form may escape quotes and backslashes.
    let pattern = format!(
        r#"^([!#-~][!-~]{{0,{}}}|"([!#-\[\]-~]|\\["\\]){{1,{MAX_CHARACTERS}}}")$"#,
        MAX_CHARACTERS - 1
    );
    let mut parameter = parameters::header(
        HEADER,
        "Requests with the same key and the same body are one operation. A key is remembered for at \
         least a day after its command, unless the handlers are set up otherwise. With another body \
         the response is 422, or the operation ends as rejected with the code \
         idempotency_key_reused.",
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern)),
    );
    if required {
        parameter.required = Required::True;
    }
    parameter
}

/// A key with quotes is a string of structured fields (RFC 9651), in which a backslash escapes
/// quotes and backslashes. A key without quotes is used as it is. Both forms of a key are the same
/// key.
fn read(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        Some(rest) => unquoted(rest)?,
        None => text.to_owned(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=MAX_CHARACTERS).contains(&key.len())).then_some(key)
}

fn unquoted(rest: &str) -> Option<String> {
    let mut characters = rest.strip_suffix('"')?.chars();
    let mut key = String::with_capacity(rest.len());
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => key.push(
                characters
                    .next()
                    .filter(|next| matches!(next, '"' | '\\'))?,
            ),
            _ => key.push(character),
        }
    }
    Some(key)
}

/// Returns the scope of a key: the caller, the route and the resource. It is hashed, so that it is
/// short and no record contains the key.
pub fn scope(caller: &str, method: &str, path: &str, resource: Option<&str>, key: &str) -> String {
    // The separator cannot occur in any part, so that different lists of parts never give the same
    // text.
    let parts = [caller, method, path, resource.unwrap_or_default(), key].join("\u{1f}");
    sha256(parts.as_bytes())
}

/// Returns the fingerprint of a body. It does not depend on the order of the keys or on whitespace.
/// It is computed from the JSON that the client sent and not from the Avro datum, which changes
/// when a field is added to a schema.
fn fingerprint(body: &Map<String, Value>) -> String {
    let mut body = Value::Object(body.clone());
    // This has no effect while serde_json sorts by itself, but a feature anywhere in a build may
    // change that.
    body.sort_all_objects();
    sha256(body.to_string().as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else {
            panic!("not an object")
        };
        object
    }

    #[test]
    fn key_is_the_same_with_and_without_quotes() {
        let longest = "k".repeat(255);
        for (text, key) in [
            ("k-1", "k-1"),
            ("\"k-1\"", "k-1"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r"a\b", r"a\b"),
            (&longest, &longest),
            (&format!("\"{longest}\""), &longest),
        ] {
            assert_eq!(read(text).as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        let long = "k".repeat(256);
        for text in [
            "",
            "\"",
            "\"\"",
            "\"k",
            r#""k"x"#,
            r#""a"b""#,
            r#""k\""#,
            r#""\k""#,
            "a b",
            "\"a b\"",
            "a\tb",
            "\"k\";p=1",
            &long,
            &format!("\"{long}\""),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn key_header_that_is_not_text_or_duplicate_is_an_error() {
        let mut headers = HeaderMap::new();
        let mut errors = Vec::new();
        assert_eq!((key(&headers, &mut errors), errors.len()), (None, 0));
        headers.insert(
            "idempotency-key",
            HeaderValue::from_bytes(b"k\xff").unwrap(),
        );
        assert_eq!((key(&headers, &mut errors), errors.len()), (None, 1));
        headers.insert("idempotency-key", HeaderValue::from_static("k"));
        assert_eq!(key(&headers, &mut errors).as_deref(), Some("k"));
        headers.append("idempotency-key", HeaderValue::from_static("k"));
        assert_eq!((key(&headers, &mut errors), errors.len()), (None, 2));
        assert_eq!(errors[0].parameter.as_deref(), Some(HEADER));
    }

    #[test]
    fn scope_depends_on_every_part_separately() {
        let id = Some("00000000-0000-0000-0000-000000000001");
        let scopes = [
            scope("ada", "POST", "/orders", None, "k"),
            scope("eve", "POST", "/orders", None, "k"),
            scope("ada", "PUT", "/orders", None, "k"),
            scope("ada", "POST", "/peoples", None, "k"),
            scope("ada", "POST", "/orders", id, "k"),
            scope("ada", "POST", "/orders", None, "l"),
            scope("ada", "POST", "/order", None, "sk"),
        ];
        let different: std::collections::HashSet<_> = scopes.iter().collect();
        assert_eq!(different.len(), scopes.len());
    }

    /// A newer edge may receive the second attempt, so these values never change.
    #[test]
    fn derivations_are_frozen() {
        let nil = Uuid::nil().to_string();
        let scope = scope("anonymous", "POST", "/people", Some(&nil), "k");
        let keyed = Keyed::new(scope, &object(json!({"name": "Ada", "age": 36})));
        assert_eq!(
            keyed.scope,
            "5d9b337f803e81c6b04be231c129ace68e2002e26d8e8d0263d7a27676eb1b9c"
        );
        assert_eq!(
            keyed.fingerprint,
            "fc234b36d9984d8c111697eae4b5315ba69588f24c68ee52a1f78c2ea5969d8f"
        );
        assert_eq!(
            keyed.operation().to_string(),
            "3b636c79-ba03-5772-bd15-cdbfa0c8cb7c"
        );
    }

    #[test]
    fn fingerprint_ignores_key_order_and_whitespace() {
        let print = |text: &str| fingerprint(&object(serde_json::from_str(text).unwrap()));
        let one = print(r#"{"a": {"x": 1, "y": [1, 2]}, "b": "A"}"#);
        assert_eq!(print(r#"{"b":"\u0041","a":{"y":[1,2],"x":1}}"#), one);
        for other in [
            r#"{"a": {"x": 1, "y": [2, 1]}, "b": "A"}"#,
            r#"{"a": {"x": "1", "y": [1, 2]}, "b": "A"}"#,
            r#"{"a": {"x": 1, "y": [1, 2]}, "b": "A", "c": null}"#,
            "{}",
        ] {
            assert_ne!(print(other), one, "{other}");
        }
    }
}
