//! A JSON parser that reports duplicate keys and bounds the memory of the values. `serde_json`
//! alone would hide duplicate keys, because it keeps the last value.

use std::fmt;

use factline_http::problem::FieldError;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::{Map, Number, Value};

use crate::found::Found;
use crate::pointer::Pointer;

/// Maximum number of values in a text. Two bytes of text can be a value of a hundred bytes.
pub const MAX_VALUES: usize = 16 * 1024;

/// A parsed text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The value. For a duplicate key it has the last value.
    pub value: Value,
    /// An error at each of the first duplicate keys.
    pub duplicates: Vec<FieldError>,
}

/// Parses a text that holds one JSON value and nothing after it, with at most [`MAX_VALUES`] values
/// in it.
pub fn parse(text: &[u8]) -> Result<Document, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut duplicates = Found::default();
    let value = Part {
        at: Pointer::root(),
        duplicates: &mut duplicates,
        left: &mut { MAX_VALUES },
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document {
        value,
        duplicates: duplicates.into_first(),
    })
}

/// One value within the document. `serde_json` limits the nesting to 128 levels.
struct Part<'a, 'p> {
    at: Pointer<'p>,
    duplicates: &'a mut Found,
    /// The number of values that may still come.
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom(format!("it has more than {MAX_VALUES} values")))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Part {
            at: self.at.item(array.len()),
            duplicates: self.duplicates,
            left: self.left,
        })? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let at = self.at.field(&key);
            if object.contains_key(&key) {
                let detail = "is given more than once".to_owned();
                self.duplicates.push(&at, detail);
            }
            let value = members.next_value_seed(Part {
                at,
                duplicates: self.duplicates,
                left: self.left,
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parse_reads_every_kind_of_value() {
        let text = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "x\n"], "b": {"c": ""}}"#;
        let document = parse(text.as_bytes()).unwrap();
        assert_eq!(
            document.value,
            json!({"a": [null, true, -1, u64::MAX, 1.5, "x\n"], "b": {"c": ""}})
        );
        assert!(document.duplicates.is_empty());
    }

    #[test]
    fn number_with_a_fraction_is_read_exactly() {
        for (text, number) in [
            ("4317410588172202.0", 4_317_410_588_172_202.0),
            ("9007199254740991.0", 9_007_199_254_740_991.0),
            ("0.3", 0.3),
            ("123456789.01e-30", 123_456_789.01e-30),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap().value,
                json!(number),
                "{text}"
            );
        }
    }

    #[test]
    fn duplicate_keys_are_reported_with_their_pointers() {
        let text = r#"{"a": 1, "b": [{"c/d": 1, "c/d": 2}], "a": 3}"#;
        let document = parse(text.as_bytes()).unwrap();
        let duplicates = document.duplicates.into_iter();
        let pointers: Vec<String> = duplicates.filter_map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/b/0/c~1d", "/a"]);
        assert_eq!(document.value["a"], 3);
    }

    #[test]
    fn text_with_more_values_than_allowed_is_refused() {
        let array = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(parse(array(MAX_VALUES - 1).as_bytes()).is_ok());
        let refused = parse(array(MAX_VALUES).as_bytes()).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("it has more than 16384 values")
        );
    }

    /// Each pointer has the long key.
    #[test]
    fn errors_at_duplicates_below_a_long_key_are_few() {
        let (key, members) = ("k".repeat(100_000), vec!["\"\":0"; 15_000].join(","));
        let text = format!("{{\"{key}\":{{{members}}}}}");
        let duplicates = parse(text.as_bytes()).unwrap().duplicates;
        assert_eq!(duplicates.len(), 2);
        assert_eq!(duplicates[1].detail, "has 14998 more errors");
    }

    #[test]
    fn invalid_json_is_refused() {
        let deep = "[".repeat(1000);
        for text in ["", "{", "{} {}", "{'a': 1}", "1e999", "\u{feff}{}", &deep] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
