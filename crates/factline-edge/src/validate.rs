//! Converts a client's JSON to an Avro value. It returns all errors at once, each with its pointer.
//!
//! It refuses what the schema alone can refuse. Whether a quantity may be 0 or a name empty is for
//! the domain to decide.

use apache_avro::types::Value as Avro;
use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use factline_http::problem::FieldError;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::found::Found;
use crate::json_schema::{BodySchema, Field};
use crate::pointer::Pointer;

/// Maximum number of characters of a text.
pub const MAX_CHARACTERS: usize = 1_000;

/// Prefix reserved for the encrypted form of personal fields.
pub const ENCRYPTED: &str = "$enc:";

/// Converts a JSON object to a record, or returns the errors in it, in the order in which the
/// schema has the fields. Of many errors, it returns the first, see [`Found`].
pub fn record(body_schema: &BodySchema, body: &Map<String, Json>) -> Result<Avro, Vec<FieldError>> {
    let mut errors = Found::default();
    let root = Pointer::root();
    let value = match body_schema {
        BodySchema::Record(record) => object(&record.fields, body, &root, &mut errors),
        _ => None,
    };
    match value {
        Some(value) if errors.count() == 0 => Ok(value),
        _ => Err(errors.into_first()),
    }
}

/// Returns an error at a pointer.
pub fn error(at: &Pointer<'_>, detail: impl Into<String>) -> FieldError {
    FieldError {
        pointer: Some(at.to_string()),
        parameter: None,
        detail: detail.into(),
    }
}

/// Converts a value, or returns `None` after it added at least one error.
fn value(
    body_schema: &BodySchema,
    json: &Json,
    at: &Pointer<'_>,
    errors: &mut Found,
) -> Option<Avro> {
    let read = match (body_schema, json) {
        (BodySchema::Record(record), Json::Object(members)) => {
            return object(&record.fields, members, at, errors);
        }
        (BodySchema::Request(record), Json::Object(members)) => {
            return resolved(&record.fields, members, at, errors);
        }
        (BodySchema::Array(item), Json::Array(items)) => return array(item, items, at, errors),
        (BodySchema::Map(item), Json::Object(members)) => return map(item, members, at, errors),
        (BodySchema::Optional { null, .. }, Json::Null) => {
            return Some(Avro::Union(*null, Box::new(Avro::Null)));
        }
        (BodySchema::Optional { null, some }, json) => {
            let value = value(some, json, at, errors)?;
            return Some(Avro::Union(1 - *null, Box::new(value)));
        }
        (BodySchema::Text { personal }, Json::String(text)) => self::text(text, *personal),
        (body_schema, json) => scalar(body_schema, json),
    };
    read.map_err(|detail| errors.push(at, detail)).ok()
}

fn object(
    fields: &[Field],
    members: &Map<String, Json>,
    at: &Pointer<'_>,
    errors: &mut Found,
) -> Option<Avro> {
    let before = errors.count();
    let mut record = Vec::with_capacity(fields.len());
    for field in fields {
        let at = at.field(&field.name);
        let read = match (members.get(&field.name), &field.default) {
            (Some(json), _) => value(&field.body_schema, json, &at, errors),
            (None, Some(default)) => Some(default.clone()),
            (None, None) => {
                errors.push(&at, "is missing".to_owned());
                None
            }
        };
        record.extend(read.map(|value| (field.name.clone(), value)));
    }
    for name in members.keys() {
        if !fields.iter().any(|field| field.name == *name) {
            errors.push(&at.field(name), "is not a known field".to_owned());
        }
    }
    (errors.count() == before).then_some(Avro::Record(record))
}

/// Converts a request that the edge has turned into a command. The limits of clients' texts do not
/// apply to it.
fn resolved(
    fields: &[Field],
    members: &Map<String, Json>,
    at: &Pointer<'_>,
    errors: &mut Found,
) -> Option<Avro> {
    let text = |json: &Json| Some(Avro::String(json.as_str()?.to_owned()));
    let value = |field: &Field| match (&field.body_schema, members.get(&field.name)?) {
        (BodySchema::Text { .. }, json) => text(json),
        (BodySchema::Optional { null, .. }, Json::Null) => {
            Some(Avro::Union(*null, Box::new(Avro::Null)))
        }
        (BodySchema::Optional { null, .. }, json) => {
            let value = text(json).or_else(|| json.as_i64().map(Avro::Long))?;
            Some(Avro::Union(1 - *null, Box::new(value)))
        }
        _ => None,
    };
    let values = fields.iter();
    let values = values.map(|field| Some((field.name.clone(), value(field)?)));
    let values: Option<Vec<_>> = values.collect();
    if values.is_none() {
        errors.push(at, "must be a request".to_owned());
    }
    values.map(Avro::Record)
}

fn array(item: &BodySchema, items: &[Json], at: &Pointer<'_>, errors: &mut Found) -> Option<Avro> {
    let before = errors.count();
    let values = items
        .iter()
        .enumerate()
        .filter_map(|(index, json)| value(item, json, &at.item(index), errors))
        .collect();
    (errors.count() == before).then_some(Avro::Array(values))
}

fn map(
    item: &BodySchema,
    members: &Map<String, Json>,
    at: &Pointer<'_>,
    errors: &mut Found,
) -> Option<Avro> {
    let before = errors.count();
    let mut values = std::collections::HashMap::with_capacity(members.len());
    for (name, json) in members {
        let at = at.field(name);
        if let Err(detail) = text(name, false) {
            errors.push(&at, format!("the key {detail}"));
        }
        values.extend(value(item, json, &at, errors).map(|value| (name.clone(), value)));
    }
    (errors.count() == before).then_some(Avro::Map(values))
}

/// Reads a text. The error says what is wrong with it.
pub fn text(text: &str, personal: bool) -> Result<Avro, String> {
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(format!("has more than {MAX_CHARACTERS} characters"));
    }
    // PostgreSQL cannot store U+0000, and no other control character has a meaning in a field.
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
    {
        return Err("contains a control character".to_owned());
    }
    if personal && text.starts_with(ENCRYPTED) {
        return Err(format!("must not begin with {ENCRYPTED}"));
    }
    Ok(Avro::String(text.to_owned()))
}

fn scalar(body_schema: &BodySchema, json: &Json) -> Result<Avro, String> {
    let read = match body_schema {
        BodySchema::Boolean => json.as_bool().map(Avro::Boolean),
        BodySchema::Int => whole(json)
            .and_then(|number| i32::try_from(number).ok())
            .map(Avro::Int),
        BodySchema::Long => whole(json).map(Avro::Long),
        BodySchema::Float => json.as_f64().and_then(float).map(Avro::Float),
        BodySchema::Double => json.as_f64().map(Avro::Double),
        BodySchema::Uuid => json.as_str().and_then(uuid).map(Avro::Uuid),
        BodySchema::Date => json.as_str().and_then(date).map(Avro::Date),
        BodySchema::TimestampMillis => json
            .as_str()
            .and_then(instant)
            .map(|time| Avro::TimestampMillis(time.timestamp_millis())),
        BodySchema::TimestampMicros => json
            .as_str()
            .and_then(instant)
            .map(|time| Avro::TimestampMicros(time.timestamp_micros())),
        BodySchema::Enum(symbols) => json.as_str().and_then(|text| {
            let index = symbols.iter().position(|symbol| symbol == text)?;
            Some(Avro::Enum(u32::try_from(index).ok()?, text.to_owned()))
        }),
        BodySchema::Text { .. }
        | BodySchema::Array(_)
        | BodySchema::Map(_)
        | BodySchema::Optional { .. }
        | BodySchema::Record(_)
        | BodySchema::Request(_) => None,
    };
    read.ok_or_else(|| format!("must be {}", expected(body_schema)))
}

/// Describes the expected value, to follow "must be".
fn expected(body_schema: &BodySchema) -> String {
    match body_schema {
        BodySchema::Boolean => "true or false".to_owned(),
        BodySchema::Int => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        BodySchema::Long => format!("a whole number from {} to {}", i64::MIN, i64::MAX),
        BodySchema::Float | BodySchema::Double => "a number in range".to_owned(),
        BodySchema::Text { .. } => "a string".to_owned(),
        BodySchema::Uuid => "a UUID such as 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67".to_owned(),
        BodySchema::Date => "a date such as 1997-01-31".to_owned(),
        BodySchema::TimestampMillis | BodySchema::TimestampMicros => {
            "an RFC 3339 time such as 1997-01-31T12:00:00Z".to_owned()
        }
        BodySchema::Enum(symbols) => format!("one of {}", symbols.join(", ")),
        BodySchema::Array(_) => "an array".to_owned(),
        BodySchema::Map(_) | BodySchema::Record(_) | BodySchema::Request(_) => {
            "an object".to_owned()
        }
        BodySchema::Optional { some, .. } => format!("null or {}", expected(some)),
    }
}

/// Parses a UUID in its usual form. The library would accept several others.
pub fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

/// Parses a date to days since 1970-01-01. It has the form of ISO 8601; the library would also
/// accept a sign, more or fewer digits, and blanks.
fn date(text: &str) -> Option<i32> {
    let form = b"0000-00-00";
    let fits = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *form,
    };
    if text.len() != form.len() || !text.bytes().zip(form).all(fits) {
        return None;
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// Parses an RFC 3339 time. The library would also accept a space as the separator, other
/// characters as the sign, and a leap second at any minute.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let separator = text.as_bytes().get("YYYY-MM-DD".len())?;
    if !text.is_ascii() || !separator.eq_ignore_ascii_case(&b'T') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let is_leap_second = time.nanosecond() >= 1_000_000_000;
    let may_be_one = (time.hour(), time.minute()) == (23, 59);
    (!is_leap_second || may_be_one).then_some(time)
}

/// Reads a whole number. As in JSON Schema, `2.0` and `2e0` are the whole number 2. The parser
/// returns an integer that is too large or too small as the nearest float, so the float -2^63 is
/// not accepted.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a whole number within the range of 64 bits"
)]
fn whole(json: &Json) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0; // 2^63
    json.as_i64().or_else(|| {
        let number = json.as_f64()?;
        let is_whole = number.fract() == 0.0 && -END < number && number < END;
        is_whole.then_some(number as i64)
    })
}

#[expect(clippy::cast_possible_truncation, reason = "checked by is_finite")]
fn float(number: f64) -> Option<f32> {
    let number = number as f32;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests;
