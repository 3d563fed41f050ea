//! Reads the bodies of requests about webhooks. Each refusal names the member.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use factline_http::Problem;
use serde_json::{Map, Value};

use super::address::Permitted;
use super::event;
use super::store::New;

/// Maximum size of a body.
const MAX_BODY: usize = 16 * 1024;

/// Maximum length of the name of a user.
pub(crate) const MAX_USER: usize = 256;

/// Reads a body that is a JSON object. An empty body is an empty object.
pub(super) async fn object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Problem> {
    let bytes = to_bytes(body, MAX_BODY).await;
    let bytes = bytes.map_err(|_| Problem::too_large(MAX_BODY))?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::unsupported_media_type(
            "the body must be application/json",
        ));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::invalid_request().field("", "must be an object")),
        Err(error) => Err(Problem::invalid_request().field("", format!("is not JSON: {error}"))),
    }
}

/// Reads a registration.
pub(super) fn read(body: &Map<String, Value>, permitted: Permitted) -> Result<New, Problem> {
    let mut faults = Faults(None);
    faults.unknown(body, &["url", "events", "user_id"]);
    let url = match body.get("url") {
        None => faults.add("/url", "is missing"),
        Some(Value::String(text)) => match permitted.read(text) {
            Ok(url) => Some(String::from(url)),
            Err(refused) => faults.add("/url", refused.to_string()),
        },
        Some(_) => faults.add("/url", "must be a text"),
    };
    let events = match body.get("events") {
        None => Some(event::ends()),
        Some(Value::Array(names)) if names.is_empty() => {
            faults.add("/events", "must have at least one event")
        }
        Some(Value::Array(names)) => Some(faults.events(names)),
        Some(_) => faults.add("/events", "must be a list"),
    };
    let user_id = match body.get("user_id") {
        None => None,
        Some(Value::String(text)) if text.chars().count() <= MAX_USER && !text.contains('\0') => {
            Some(text.clone())
        }
        Some(_) => faults.add(
            "/user_id",
            format!("must be a text of at most {MAX_USER} characters"),
        ),
    };
    match (faults.0, url, events) {
        (None, Some(url), Some(events)) => Ok(New {
            url,
            events,
            user_id,
        }),
        (faults, ..) => Err(faults.unwrap_or_else(Problem::invalid_request)),
    }
}

/// Reads the number of dead letters that a caller expects.
pub(super) fn count(body: &Map<String, Value>) -> Result<Option<i64>, Problem> {
    let mut faults = Faults(None);
    faults.unknown(body, &["count"]);
    let count = match body.get("count") {
        None => None,
        Some(value) => match whole(value) {
            Some(count) if count >= 0 => Some(count),
            _ => faults.add("/count", "must be a whole number from 0"),
        },
    };
    faults.0.map_or(Ok(count), Err)
}

/// Returns a whole number, which may be written with a fraction of zero. One that is too large for
/// the type is its largest one.
fn whole(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    let largest = if number < 0.0 { i64::MIN } else { i64::MAX };
    Some(format!("{number:.0}").parse().unwrap_or(largest))
}

/// The faults of a body.
struct Faults(Option<Problem>);

impl Faults {
    fn add<T>(&mut self, pointer: &str, detail: impl Into<String>) -> Option<T> {
        let problem = self.0.take().unwrap_or_else(Problem::invalid_request);
        self.0 = Some(problem.field(pointer, detail));
        None
    }

    fn unknown(&mut self, body: &Map<String, Value>, known: &[&str]) {
        for name in body.keys().filter(|name| !known.contains(&name.as_str())) {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let _: Option<()> = self.add(&format!("/{escaped}"), "is unknown");
        }
    }

    fn events(&mut self, names: &[Value]) -> Vec<String> {
        let known = event::names();
        let mut events = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            match name.as_str() {
                Some(name) if known.iter().any(|known| known == name) => {
                    events.insert(name.to_owned());
                }
                _ => {
                    let _: Option<()> = self.add(&format!("/events/{index}"), "is not an event");
                }
            }
        }
        events.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PERMITTED: Permitted = Permitted {
        http: false,
        private: false,
    };

    fn read_json(body: &Value) -> Result<New, Problem> {
        read(body.as_object().unwrap(), PERMITTED)
    }

    #[test]
    fn registration_has_all_ends_by_default() {
        let new = read_json(&json!({"url": "https://example.com/hook"})).unwrap();
        assert_eq!(new.url, "https://example.com/hook");
        assert_eq!(new.events, event::ends());
        assert_eq!(new.user_id, None);
        let body = json!({
            "url": "https://example.com",
            "events": ["operation_failed", "operation_failed"],
            "user_id": "ada",
        });
        let new = read_json(&body).unwrap();
        assert_eq!(new.events, ["operation_failed"]);
        assert_eq!(new.user_id.as_deref(), Some("ada"));
    }

    #[test]
    fn refusals_name_each_member() {
        let body = json!({
            "events": ["operation_failed", "order_placed", 3],
            "user_id": "x".repeat(MAX_USER + 1),
            "a/b": 1,
        });
        let problem = read_json(&body).unwrap_err();
        let pointers: Vec<_> = problem
            .errors()
            .iter()
            .filter_map(|one| one.pointer.as_deref())
            .collect();
        assert_eq!(
            pointers,
            ["/a~1b", "/url", "/events/1", "/events/2", "/user_id"]
        );
        for (body, pointer) in [
            (json!({"url": 1}), "/url"),
            (
                json!({"url": "https://example.com", "user_id": null}),
                "/user_id",
            ),
            (
                json!({"url": "https://example.com", "events": null}),
                "/events",
            ),
            (json!({"url": "http://example.com"}), "/url"),
            (
                json!({"url": "https://example.com", "events": []}),
                "/events",
            ),
            (
                json!({"url": "https://example.com", "events": "all"}),
                "/events",
            ),
        ] {
            let problem = read_json(&body).unwrap_err();
            assert_eq!(
                problem.errors()[0].pointer.as_deref(),
                Some(pointer),
                "{body}"
            );
        }
        for (text, number) in [("3.0", 3), ("1e2", 100), ("0", 0), ("1e300", i64::MAX)] {
            let value = serde_json::from_str(text).unwrap();
            let body = Map::from_iter([("count".to_owned(), value)]);
            assert_eq!(count(&body).unwrap(), Some(number), "{text}");
        }
        assert_eq!(count(&Map::new()).unwrap(), None);
        for wrong in [
            json!(-1),
            json!(-1e300),
            json!(1.5),
            json!("1"),
            json!(null),
        ] {
            let body = json!({"count": wrong});
            assert!(count(body.as_object().unwrap()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_url_is_refused_or_read(text in "\\PC{0,60}") {
            let _ = read_json(&json!({"url": text}));
            let _ = read_json(&json!({"url": format!("https://{text}")}));
        }
    }
}
