//! Preconditions in a request's headers: `Factline-Expected-Version` and `Factline-Time-To-Live`.
//!
//! The edge only reads them and passes them on. The handler compares the version
//! (`version_conflict`) and the time (`timed_out`), because only it knows both. To add a condition,
//! add a field here and read its header. Then set the envelope's field in [`Conditions::apply`].

use std::ops::RangeInclusive;

use axum::http::{HeaderMap, HeaderValue};
use factline::Envelope;
use factline_http::openapi::parameters;
use factline_http::problem::FieldError;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The header with the version that the aggregate must have; 0 means that it must not exist yet.
pub const EXPECTED_VERSION: &str = "Factline-Expected-Version";
/// The header with the milliseconds after acceptance within which the command must be decided.
pub const TIME_TO_LIVE: &str = "Factline-Time-To-Live";

/// The conditions of HTTP (RFC 9110, section 13.1). They compare representations, which the edge
/// does not have. To ignore one would make a change that its sender wanted only under a condition.
const OF_HTTP: [&str; 4] = [
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
];

/// One day, which is not longer than operations are remembered by default.
const MAX_TIME_TO_LIVE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Conditions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The version that the aggregate must have.
    pub expected_version: Option<u64>,
    /// Time to live in milliseconds.
    pub time_to_live: Option<u64>,
}

impl Conditions {
    /// Reads the headers. Adds an error for each that cannot be used.
    pub fn read(headers: &HeaderMap, errors: &mut Vec<FieldError>) -> Self {
        errors.extend(of_http(headers));
        let versions = 0..=u64::MAX;
        let times = 1..=MAX_TIME_TO_LIVE_MS;
        Self {
            expected_version: single(headers, EXPECTED_VERSION, errors, |value| {
                whole(value, &versions)
                    .ok_or_else(|| "must be a whole number, 0 or greater".to_owned())
            }),
            time_to_live: single(headers, TIME_TO_LIVE, errors, |value| {
                whole(value, &times).ok_or_else(|| {
                    format!(
                        "must be a whole number of milliseconds from 1 to {MAX_TIME_TO_LIVE_MS}"
                    )
                })
            }),
        }
    }

    /// Writes the conditions into the envelope.
    pub fn apply(&self, envelope: &mut Envelope) {
        envelope.expected_version = self.expected_version;
        envelope.time_to_live_ms = self.time_to_live;
    }
}

/// Returns an error for each condition of HTTP.
fn of_http(headers: &HeaderMap) -> impl Iterator<Item = FieldError> {
    let given = OF_HTTP
        .into_iter()
        .filter(|name| headers.contains_key(*name));
    given.map(|name| FieldError {
        pointer: None,
        parameter: Some(name.to_owned()),
        detail: format!("does not apply to a command; send {EXPECTED_VERSION}"),
    })
}

/// Returns the description of [`EXPECTED_VERSION`] in OpenAPI.
pub fn expected_version() -> Parameter {
    parameters::header(
        EXPECTED_VERSION,
        "The version that the resource must have; 0 means that it must not exist yet. Otherwise the \
         operation ends as rejected with the code version_conflict.",
        number(0..=u64::MAX),
    )
}

/// Returns the description of [`TIME_TO_LIVE`] in OpenAPI.
pub fn time_to_live() -> Parameter {
    parameters::header(
        TIME_TO_LIVE,
        "Milliseconds after which the command is no longer wanted. If it has not been decided by \
         then, the operation ends as timed_out.",
        number(1..=MAX_TIME_TO_LIVE_MS),
    )
}

fn number(range: RangeInclusive<u64>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(*range.start()))
        .maximum(Some(*range.end()))
}

/// Reads a header that may occur once. Adds an error if it is duplicate or cannot be read.
pub(crate) fn single<T>(
    headers: &HeaderMap,
    name: &'static str,
    errors: &mut Vec<FieldError>,
    read: impl FnOnce(&HeaderValue) -> Result<T, String>,
) -> Option<T> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    let read = match values.next() {
        None => read(value),
        Some(_) => Err("is given more than once".to_owned()),
    };
    let error = |detail| FieldError {
        pointer: None,
        parameter: Some(name.to_owned()),
        detail,
    };
    read.map_err(|detail| errors.push(error(detail))).ok()
}

/// Reads a number of digits only: no sign, no fraction.
fn whole(value: &HeaderValue, range: &RangeInclusive<u64>) -> Option<u64> {
    let text = value.to_str().ok()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten()?;
    range.contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn read(headers: &[(&str, &str)]) -> (Conditions, Vec<String>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let mut errors = Vec::new();
        let conditions = Conditions::read(&map, &mut errors);
        let named = errors.into_iter().filter_map(|error| error.parameter);
        (conditions, named.collect())
    }

    #[test]
    fn conditions_accept_numbers_at_the_bounds() {
        for (version, time) in [(0, 1), (7, 1_500), (u64::MAX, 86_400_000)] {
            let (conditions, errors) = read(&[
                (EXPECTED_VERSION, &version.to_string()),
                (TIME_TO_LIVE, &time.to_string()),
            ]);
            let expected = Conditions {
                expected_version: Some(version),
                time_to_live: Some(time),
            };
            assert_eq!((conditions, errors.len()), (expected, 0));
        }
        assert_eq!(read(&[]), (Conditions::default(), Vec::new()));
    }

    #[test]
    fn invalid_condition_is_an_error_that_names_its_header() {
        for text in ["", "-1", "+1", "1.0", "1e3", "x", "18446744073709551616"] {
            let (conditions, errors) = read(&[(EXPECTED_VERSION, text), (TIME_TO_LIVE, text)]);
            assert_eq!(conditions, Conditions::default(), "{text}");
            assert_eq!(errors, [EXPECTED_VERSION, TIME_TO_LIVE], "{text}");
        }
        for text in ["0", "86400001"] {
            assert_eq!(read(&[(TIME_TO_LIVE, text)]).1, [TIME_TO_LIVE], "{text}");
        }
        for name in OF_HTTP {
            assert_eq!(read(&[(name, "\"1\"")]).1, [name]);
        }
        let twice = [(TIME_TO_LIVE, "5"), (TIME_TO_LIVE, "5")];
        assert_eq!(read(&twice).1, [TIME_TO_LIVE]);
    }
}
