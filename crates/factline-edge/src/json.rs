//! A JSON parser that reports duplicate keys. `serde_json` alone would hide them, because it keeps
//! the last value.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::{Map, Number, Value};

use crate::pointer::Pointer;

/// A parsed text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The value. For a duplicate key it has the last value.
    pub value: Value,
    /// JSON pointers of the duplicate keys.
    pub duplicates: Vec<String>,
}

/// Parses a text that holds one JSON value and nothing after it.
pub fn parse(text: &[u8]) -> Result<Document, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut duplicates = Vec::new();
    let value = Part {
        at: Pointer::root(),
        duplicates: &mut duplicates,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document { value, duplicates })
}

/// One value within the document. `serde_json` limits the nesting to 128 levels.
struct Part<'a, 'p> {
    at: Pointer<'p>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
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
                self.duplicates.push(at.to_string());
            }
            let value = members.next_value_seed(Part {
                at,
                duplicates: self.duplicates,
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
        assert_eq!(document.duplicates, ["/b/0/c~1d", "/a"]);
        assert_eq!(document.value["a"], 3);
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
