//! Preconditions in a request's headers: `Factline-Expected-Version` and `Factline-Time-To-Live`,
//! and the conditions of HTTP that mean the same as the first, `If-Match` and `If-None-Match`.
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
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

/// The header with the version that the aggregate must have; 0 means that it must not exist yet.
pub const EXPECTED_VERSION: &str = "Factline-Expected-Version";
/// The header with the milliseconds after acceptance within which the command must be decided.
pub const TIME_TO_LIVE: &str = "Factline-Time-To-Live";

/// The header with the version that the aggregate must have, as a strong tag (RFC 9110, section
/// 13.1.1). The tag of a read does not fit: it is of a representation, which the edge does not
/// have.
pub const IF_MATCH: &str = "If-Match";
/// The header with `*`, if the aggregate must not exist yet (RFC 9110, section 13.1.2).
pub const IF_NONE_MATCH: &str = "If-None-Match";

/// The format of a version as a tag. Tools that make up values need more than the pattern, because
/// they take the quotes off.
const TAG_FORMAT: &str = "factline-version-tag";

/// The other conditions of HTTP. To ignore one would make a change that its sender wanted only
/// under a condition.
const OF_HTTP: [&str; 2] = ["If-Modified-Since", "If-Unmodified-Since"];

/// One day, which is not longer than operations are remembered by default.
const MAX_TIME_TO_LIVE_MS: u64 = 24 * 60 * 60 * 1_000;

/// The times to live that a request or a route may have, in milliseconds.
pub(crate) const TIMES_TO_LIVE: RangeInclusive<u64> = 1..=MAX_TIME_TO_LIVE_MS;

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
        Self {
            expected_version: expected_version_of(headers, errors),
            time_to_live: single(headers, TIME_TO_LIVE, errors, |value| {
                whole(value, &TIMES_TO_LIVE).ok_or_else(|| {
                    format!(
                        "must be a whole number of milliseconds from 1 to {MAX_TIME_TO_LIVE_MS}"
                    )
                })
            }),
        }
    }

    /// Limits the time to live to that of the route.
    #[must_use]
    pub(crate) fn within(self, time_to_live: Option<u64>) -> Self {
        let times = [self.time_to_live, time_to_live];
        Self {
            time_to_live: times.into_iter().flatten().min(),
            ..self
        }
    }

    /// Writes the conditions into the envelope.
    pub fn apply(&self, envelope: &mut Envelope) {
        envelope.expected_version = self.expected_version;
        envelope.time_to_live_ms = self.time_to_live;
    }
}

/// Reads the version from the headers that can have it. Two of them must agree.
fn expected_version_of(headers: &HeaderMap, errors: &mut Vec<FieldError>) -> Option<u64> {
    let versions = 0..=u64::MAX;
    let number = single(headers, EXPECTED_VERSION, errors, |value| {
        whole(value, &versions).ok_or_else(|| "must be a whole number, 0 or greater".to_owned())
    });
    let tag = single(headers, IF_MATCH, errors, |value| {
        tagged(value).ok_or_else(|| {
            "must be the version in quotes, such as \"7\"; the tag of a read does not apply to a \
             command"
                .to_owned()
        })
    });
    let none = single(headers, IF_NONE_MATCH, errors, |value| {
        (value == "*")
            .then_some(0)
            .ok_or_else(|| "must be *, for a resource that does not exist yet".to_owned())
    });
    let given: Vec<(&str, u64)> = [
        (EXPECTED_VERSION, number),
        (IF_MATCH, tag),
        (IF_NONE_MATCH, none),
    ]
    .into_iter()
    .filter_map(|(name, version)| Some((name, version?)))
    .collect();
    let (first, version) = *given.first()?;
    for (name, other) in &given[1..] {
        if *other != version {
            errors.push(FieldError {
                pointer: None,
                parameter: Some((*name).to_owned()),
                detail: format!("demands version {other}, and {first} demands {version}"),
            });
        }
    }
    Some(version)
}

/// Reads a version as a strong tag.
fn tagged(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let version = text.strip_prefix('"')?.strip_suffix('"')?;
    whole(&HeaderValue::from_str(version).ok()?, &(1..=u64::MAX))
}

/// Returns the description of [`IF_MATCH`] in OpenAPI.
pub fn if_match() -> Parameter {
    parameters::header(
        IF_MATCH,
        "The version that the resource must have, in quotes: the same as Factline-Expected-Version.",
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom(TAG_FORMAT.to_owned())))
            .pattern(Some(r#"^"[1-9][0-9]{0,18}"$"#)),
    )
}

/// Returns the description of [`IF_NONE_MATCH`] in OpenAPI.
pub fn if_none_match() -> Parameter {
    parameters::header(
        IF_NONE_MATCH,
        "`*` if the resource must not exist yet: the same as Factline-Expected-Version 0.",
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["*"])),
    )
}

/// Returns an error for each other condition of HTTP.
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
        number(TIMES_TO_LIVE),
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
    fn conditions_of_http_are_versions() {
        for (headers, version) in [
            (&[(IF_MATCH, "\"7\"")][..], 7),
            (&[(IF_NONE_MATCH, "*")], 0),
            (&[(IF_MATCH, "\"7\""), (EXPECTED_VERSION, "7")], 7),
            (&[(IF_NONE_MATCH, "*"), (EXPECTED_VERSION, "0")], 0),
        ] {
            let (conditions, errors) = read(headers);
            assert_eq!(
                (conditions.expected_version, errors.len()),
                (Some(version), 0)
            );
        }
        let (_, errors) = read(&[(IF_MATCH, "\"7\""), (EXPECTED_VERSION, "8")]);
        assert_eq!(errors, [IF_MATCH]);
        let (_, errors) = read(&[(IF_MATCH, "\"7\""), (IF_NONE_MATCH, "*")]);
        assert_eq!(errors, [IF_NONE_MATCH]);
    }

    #[test]
    fn route_limits_the_time_to_live() {
        let of = |time_to_live| Conditions {
            time_to_live,
            ..Conditions::default()
        };
        for (asked, route, expected) in [
            (None, None, None),
            (Some(5), None, Some(5)),
            (None, Some(7), Some(7)),
            (Some(5), Some(7), Some(5)),
            (Some(9), Some(7), Some(7)),
        ] {
            assert_eq!(of(asked).within(route), of(expected));
        }
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
        for text in [
            "7",
            "\"\"",
            "W/\"7\"",
            "\"0\"",
            "\"x\"",
            "*",
            "\"7\", \"8\"",
        ] {
            assert_eq!(read(&[(IF_MATCH, text)]).1, [IF_MATCH], "{text}");
        }
        for text in ["\"7\"", ""] {
            assert_eq!(read(&[(IF_NONE_MATCH, text)]).1, [IF_NONE_MATCH], "{text}");
        }
        let twice = [(TIME_TO_LIVE, "5"), (TIME_TO_LIVE, "5")];
        assert_eq!(read(&twice).1, [TIME_TO_LIVE]);
    }
}
