//! From a client's JSON to an Avro value: everything that is wrong with it at once, each with its place.
//!
//! It refuses what the schema alone can refuse. Whether a quantity may be 0 or a name empty is the domain's matter.

use apache_avro::types::Value as Avro;
use chrono::{DateTime, NaiveDate, Utc};
use factline_http::problem::FieldError;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::json_schema::{Field, Shape};
use crate::pointer::Pointer;

/// Characters that a text may have.
pub const MOST_CHARACTERS: usize = 1_000;

/// Prefix kept free for the encrypted form of personal fields.
pub const ENCRYPTED: &str = "$enc:";

/// What is wrong with a body, in the order in which the schema has the fields.
pub type Errors = Vec<FieldError>;

/// Reads a JSON object as the record of a shape.
pub fn record(shape: &Shape, body: &Map<String, Json>) -> Result<Avro, Errors> {
    let mut errors = Errors::new();
    let root = Pointer::root();
    let value = match shape {
        Shape::Record(fields) => object(fields, body, &root, &mut errors),
        _ => None,
    };
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(errors),
    }
}

/// An error at a place.
pub fn error(at: &Pointer<'_>, detail: impl Into<String>) -> FieldError {
    FieldError {
        pointer: Some(at.to_string()),
        parameter: None,
        detail: detail.into(),
    }
}

/// The value, or `None` after at least one error was added.
fn value(shape: &Shape, json: &Json, at: &Pointer<'_>, errors: &mut Errors) -> Option<Avro> {
    let read = match (shape, json) {
        (Shape::Record(fields), Json::Object(members)) => {
            return object(fields, members, at, errors);
        }
        (Shape::Array(item), Json::Array(items)) => return array(item, items, at, errors),
        (Shape::Map(item), Json::Object(members)) => return map(item, members, at, errors),
        (Shape::Optional { null, .. }, Json::Null) => {
            return Some(Avro::Union(*null, Box::new(Avro::Null)));
        }
        (Shape::Optional { null, some }, json) => {
            let value = value(some, json, at, errors)?;
            return Some(Avro::Union(1 - *null, Box::new(value)));
        }
        (Shape::Text { personal }, Json::String(text)) => self::text(text, *personal),
        (shape, json) => scalar(shape, json),
    };
    read.map_err(|detail| errors.push(error(at, detail))).ok()
}

fn object(
    fields: &[Field],
    members: &Map<String, Json>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<Avro> {
    let before = errors.len();
    let mut record = Vec::with_capacity(fields.len());
    for field in fields {
        let at = at.field(&field.name);
        let read = match (members.get(&field.name), &field.default) {
            (Some(json), _) => value(&field.shape, json, &at, errors),
            (None, Some(default)) => Some(default.clone()),
            (None, None) => {
                errors.push(error(&at, "is missing"));
                None
            }
        };
        record.extend(read.map(|value| (field.name.clone(), value)));
    }
    for name in members.keys() {
        if !fields.iter().any(|field| field.name == *name) {
            errors.push(error(&at.field(name), "is not a known field"));
        }
    }
    (errors.len() == before).then_some(Avro::Record(record))
}

fn array(item: &Shape, items: &[Json], at: &Pointer<'_>, errors: &mut Errors) -> Option<Avro> {
    let before = errors.len();
    let values = items
        .iter()
        .enumerate()
        .filter_map(|(index, json)| value(item, json, &at.item(index), errors))
        .collect();
    (errors.len() == before).then_some(Avro::Array(values))
}

fn map(
    item: &Shape,
    members: &Map<String, Json>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<Avro> {
    let before = errors.len();
    let mut values = std::collections::HashMap::with_capacity(members.len());
    for (name, json) in members {
        let at = at.field(name);
        if let Err(detail) = text(name, false) {
            errors.push(error(&at, format!("the key {detail}")));
        }
        values.extend(value(item, json, &at, errors).map(|value| (name.clone(), value)));
    }
    (errors.len() == before).then_some(Avro::Map(values))
}

fn text(text: &str, personal: bool) -> Result<Avro, String> {
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        return Err(format!("has more than {MOST_CHARACTERS} characters"));
    }
    // U+0000 cannot be stored by PostgreSQL, and no other control character means anything in a field.
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

fn scalar(shape: &Shape, json: &Json) -> Result<Avro, String> {
    let read = match shape {
        Shape::Boolean => json.as_bool().map(Avro::Boolean),
        Shape::Int => json
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .map(Avro::Int),
        Shape::Long => json.as_i64().map(Avro::Long),
        Shape::Float => json.as_f64().and_then(float).map(Avro::Float),
        Shape::Double => json.as_f64().map(Avro::Double),
        Shape::Uuid => json.as_str().and_then(uuid).map(Avro::Uuid),
        Shape::Date => json.as_str().and_then(date).map(Avro::Date),
        Shape::TimestampMillis => json
            .as_str()
            .and_then(instant)
            .map(|time| Avro::TimestampMillis(time.timestamp_millis())),
        Shape::TimestampMicros => json
            .as_str()
            .and_then(instant)
            .map(|time| Avro::TimestampMicros(time.timestamp_micros())),
        Shape::Enum(symbols) => json.as_str().and_then(|text| {
            let index = symbols.iter().position(|symbol| symbol == text)?;
            Some(Avro::Enum(u32::try_from(index).ok()?, text.to_owned()))
        }),
        Shape::Text { .. }
        | Shape::Array(_)
        | Shape::Map(_)
        | Shape::Optional { .. }
        | Shape::Record(_) => None,
    };
    read.ok_or_else(|| format!("must be {}", expected(shape)))
}

/// What a shape wants, after "must be".
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "true or false".to_owned(),
        Shape::Int => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        Shape::Long => format!("a whole number from {} to {}", i64::MIN, i64::MAX),
        Shape::Float | Shape::Double => "a number in range".to_owned(),
        Shape::Text { .. } => "a string".to_owned(),
        Shape::Uuid => "a UUID such as 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67".to_owned(),
        Shape::Date => "a date such as 1997-01-31".to_owned(),
        Shape::TimestampMillis | Shape::TimestampMicros => {
            "an RFC 3339 time such as 1997-01-31T12:00:00Z".to_owned()
        }
        Shape::Enum(symbols) => format!("one of {}", symbols.join(", ")),
        Shape::Array(_) => "an array".to_owned(),
        Shape::Map(_) | Shape::Record(_) => "an object".to_owned(),
        Shape::Optional { some, .. } => format!("null or {}", expected(some)),
    }
}

/// A UUID in its usual form; the library would take several more.
pub fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

/// Days since 1970-01-01. Four digits for the year: the library would take a sign and more of them.
fn date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    if text.len() != "YYYY-MM-DD".len() || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.with_timezone(&Utc))
}

#[expect(clippy::cast_possible_truncation, reason = "checked by is_finite")]
fn float(number: f64) -> Option<f32> {
    let number = number as f32;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests;
