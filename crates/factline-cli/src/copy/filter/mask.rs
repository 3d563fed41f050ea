//! Fields that are replaced.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use factline::avro::Codec;
use factline_kafka::Record;
use factline_kafka::records::framing;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json_value;

/// A field that is replaced in all records of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Mask {
    record: String,
    /// Names of fields from the outermost one on; `*` stands for each item of an array.
    path: Vec<String>,
    value: Value,
}

impl fmt::Display for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.record, self.path.join("/"))
    }
}

/// Reads `RECORD/FIELD=VALUE`. A value that is not JSON is a text.
pub(super) fn parse(text: &str) -> Result<Mask, String> {
    let wrong =
        || "is not RECORD/FIELD=VALUE, such as ordering.OrderPlaced/customer_id=masked".to_owned();
    let (place, value) = text.split_once('=').ok_or_else(wrong)?;
    let mut names = place.split('/').map(ToOwned::to_owned);
    let record = names.next().unwrap_or_default();
    let path: Vec<String> = names.collect();
    if record.is_empty() || path.is_empty() || path.iter().any(String::is_empty) {
        return Err(wrong());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok(Mask {
        record,
        path,
        value,
    })
}

/// Replaces the fields of a record. `masked` counts the replaced fields of each mask.
///
/// # Errors
/// If the schema cannot have the value.
pub(in super::super) fn apply(
    masks: &[Mask],
    codec: &Codec,
    record: &mut Record,
    masked: &mut [u64],
) -> Result<()> {
    if masks.iter().all(|mask| mask.record != codec.record()) {
        return Ok(());
    }
    let value = record.value.as_deref().context("the value is missing")?;
    let (id, datum) = framing::read(value)?;
    let mut data = codec.decode_json(datum)?;
    for (mask, count) in masks.iter().zip(masked) {
        if mask.record != codec.record() {
            continue;
        }
        let of_id = json_value::id_field(codec);
        ensure!(
            of_id.is_none() || of_id != mask.path.first().map(String::as_str),
            "{} of {} is the aggregate's id, which cannot be masked",
            mask.path.join("/"),
            mask.record
        );
        *count += replace(&mut data, &mask.path, &mask.value);
    }
    let datum = json_value::encode(codec, &data)?;
    record.value = Some(framing::write(id, &datum));
    Ok(())
}

/// Replaces a field, and returns how often the data has it. A null stays: it says nothing.
fn replace(data: &mut Value, path: &[String], value: &Value) -> u64 {
    let Some((name, rest)) = path.split_first() else {
        if !data.is_null() {
            data.clone_from(value);
        }
        return 1;
    };
    match data {
        Value::Array(items) if name == "*" => items
            .iter_mut()
            .map(|item| replace(item, rest, value))
            .sum(),
        Value::Object(fields) => {
            let field = fields.get_mut(name);
            field.map_or(0, |field| replace(field, rest, value))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mask_replaces_fields_and_the_items_of_arrays() {
        let mask = parse("a.Note/lines/*/text=x").unwrap();
        assert_eq!((mask.record.as_str(), &mask.value), ("a.Note", &json!("x")));
        let mut data = json!({"lines": [{"text": "one"}, {"text": null}, {"more": 1}]});
        assert_eq!(replace(&mut data, &mask.path, &mask.value), 2);
        let expected = json!({"lines": [{"text": "x"}, {"text": null}, {"more": 1}]});
        assert_eq!(data, expected);
        assert_eq!(parse("a.Note/n=7").unwrap().value, json!(7));
        for wrong in ["a.Note=x", "a.Note/x", "/x=1", "a.Note//=1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn id_of_the_aggregate_and_other_types_are_refused() {
        let schema = r#"{"type": "record", "name": "a.Note", "fields": [
            {"name": "note_id", "type": "string", "id": true}, {"name": "weight", "type": "long"}]}"#;
        let codec = Codec::parse(schema).unwrap();
        let datum = json_value::encode(&codec, &json!({"note_id": "1", "weight": 7})).unwrap();
        let apply = |mask: &str| {
            let mut record = Record {
                topic: "a".to_owned(),
                partition: 0,
                offset: 0,
                timestamp: factline::Timestamp::default(),
                key: None,
                headers: factline_kafka::Headers::default(),
                value: Some(framing::write(3, &datum)),
            };
            let mut masked = [0];
            super::apply(&[parse(mask).unwrap()], &codec, &mut record, &mut masked)?;
            let value = record.value.unwrap();
            let (_, datum) = framing::read(&value)?;
            Ok::<_, anyhow::Error>((codec.decode_json(datum)?, masked[0]))
        };
        let (data, count) = apply("a.Note/weight=0").unwrap();
        assert_eq!((data, count), (json!({"note_id": "1", "weight": 0}), 1));
        assert_eq!(apply("a.Other/weight=0").unwrap().1, 0);
        let error = apply("a.Note/note_id=x").unwrap_err().to_string();
        assert!(error.contains("the aggregate's id"), "{error}");
        assert!(apply("a.Note/weight=heavy").is_err());
    }
}
