//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same request under the same key is one
//! operation, however often it comes.
//!
//! The edge reads nothing and remembers nothing. It only derives: where a key counts (the *scope*), what came under it
//! (the *fingerprint*), and from both the operation's id. Whether a key has been seen before, and with another body,
//! is found by the handler of the aggregate, which the record's headers tell both. So this is no store of answers, and
//! a key that was used for something else is a rejection of the operation, never a 422 from here.
//!
//! How scope and fingerprint are made is frozen (`docs/wire-format.md`): a second try may meet a newer edge.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue};
use factline::id;
use factline_http::problem::FieldError;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::preconditions::single;

/// The header's name, as clients know it.
pub const HEADER: &str = "Idempotency-Key";

/// Characters that a key may have.
const MOST_CHARACTERS: usize = 255;

/// A request that came with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// Where the key counts: `ce_idempotencyscope`.
    pub scope: String,
    /// What came with it: `ce_idempotencyprint`.
    pub fingerprint: String,
}

impl Keyed {
    /// A body under a key. The body is the client's own, before the edge puts anything into it.
    pub fn new(scope: String, body: &Map<String, Value>) -> Self {
        Self {
            scope,
            fingerprint: fingerprint(body),
        }
    }

    /// The operation: another body under the key is another one, so that its refusal has an address of its own.
    pub fn operation(&self) -> Uuid {
        id::keyed(&self.scope, &self.fingerprint)
    }
}

/// The key of a request; an error if there is one that cannot be used.
pub fn key(headers: &HeaderMap, errors: &mut Vec<FieldError>) -> Option<String> {
    single(headers, HEADER, errors, |value: &HeaderValue| {
        value.to_str().ok().and_then(read).ok_or_else(|| {
            format!("must be 1 to {MOST_CHARACTERS} visible ASCII characters, with or without quotes around them")
        })
    })
}

/// With quotes it is a string of structured fields (RFC 9651), where a backslash stands before quotes and
/// backslashes; without, it is what it is. Both forms of a key are the same key.
fn read(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        Some(rest) => unquoted(rest)?,
        None => text.to_owned(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=MOST_CHARACTERS).contains(&key.len())).then_some(key)
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

/// Where a key counts: for this caller, at this route, about this resource. Hashed, so that it is short and no
/// record tells the key.
pub fn scope(caller: &str, method: &str, path: &str, resource: Option<Uuid>, key: &str) -> String {
    let resource = resource.map_or_else(String::new, |id| id.to_string());
    // Joined by what none of them may hold, so that no two lists of parts meet.
    let parts = [caller, method, path, &resource, key].join("\u{1f}");
    sha256(parts.as_bytes())
}

/// The same for the same JSON, however its keys are ordered and its whitespace is. It is made of what the client
/// sent and not of the Avro datum, which changes when a schema grows a field.
fn fingerprint(body: &Map<String, Value>) -> String {
    let mut body = Value::Object(body.clone());
    // Does nothing while serde_json sorts by itself, which a feature anywhere in a build may change.
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
    fn a_key_is_the_same_with_quotes_and_without() {
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
    fn what_is_no_key() {
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
    fn a_header_that_no_text_can_have_or_that_stands_twice_is_an_error() {
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
    fn every_part_counts_for_the_scope_and_they_do_not_run_together() {
        let id = Some(Uuid::from_u128(1));
        let scopes = [
            scope("ada", "POST", "/people", None, "k"),
            scope("eve", "POST", "/people", None, "k"),
            scope("ada", "PUT", "/people", None, "k"),
            scope("ada", "POST", "/peoples", None, "k"),
            scope("ada", "POST", "/people", id, "k"),
            scope("ada", "POST", "/people", None, "l"),
            scope("ada", "POST", "/peopl", None, "ek"),
        ];
        let different: std::collections::HashSet<_> = scopes.iter().collect();
        assert_eq!(different.len(), scopes.len());
    }

    /// A second try may meet a newer edge: these values never change.
    #[test]
    fn derivations_are_frozen() {
        let scope = scope("anonymous", "POST", "/people", Some(Uuid::nil()), "k");
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
    fn a_body_is_the_same_in_any_order_and_with_any_whitespace() {
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
