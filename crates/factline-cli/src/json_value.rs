//! JSON as `factline export` writes it, encoded again as an Avro datum.

use anyhow::{Context as _, Result, ensure};
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use factline::avro::Codec;
use serde_json::Value as Json;

/// Encodes JSON by a schema. Fields that are missing take their defaults.
///
/// # Errors
/// If the datum would not have everything that the JSON has.
pub(crate) fn encode(codec: &Codec, data: &Json) -> Result<Vec<u8>> {
    let record = codec.record();
    let value = Avro::try_from(data.clone()).and_then(|value| value.resolve(codec.schema()));
    let value = value.with_context(|| format!("data is not a {record}"))?;
    let writer = GenericDatumWriter::builder(codec.schema()).build()?;
    let datum = writer.write_value_to_vec(value)?;
    let read = codec.decode_json(&datum)?;
    if let Some(pointer) = lost(data, &read) {
        ensure!(
            pointer.is_empty(),
            "data{pointer} has no place in the schema of {record}"
        );
        anyhow::bail!("data has no place in the schema of {record}");
    }
    Ok(datum)
}

/// Returns the field with the id of the record's aggregate.
pub(crate) fn id_field(codec: &Codec) -> Option<&'static str> {
    let Schema::Record(record) = codec.schema() else {
        return None;
    };
    let mut fields = record.fields.iter();
    let field = fields.find(|field| field.custom_attributes.get("id") == Some(&Json::Bool(true)));
    field.map(|field| field.name.as_str())
}

/// Returns the pointer of a part of the data that was not encoded as it is.
fn lost(data: &Json, read: &Json) -> Option<String> {
    match (data, read) {
        (Json::Object(data), Json::Object(read)) => {
            let mut members = data.iter();
            members.find_map(|(name, value)| {
                let found = read
                    .get(name)
                    .map_or(Some(String::new()), |it| lost(value, it));
                found.map(|rest| format!("/{name}{rest}"))
            })
        }
        (Json::Array(data), Json::Array(read)) if data.len() == read.len() => {
            let mut items = data.iter().zip(read).enumerate();
            items.find_map(|(index, (data, read))| {
                lost(data, read).map(|rest| format!("/{index}{rest}"))
            })
        }
        // A whole number may be written with a fraction.
        (Json::Number(one), Json::Number(other)) => {
            (one != other && one.as_f64() != other.as_f64()).then(String::new)
        }
        (one, other) => (one != other).then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOTE: &str = r#"{"type": "record", "name": "a.Note", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["unknown", "short"],
            "default": "unknown"}, "default": "short"},
        {"name": "weight", "type": ["null", "long"], "default": null},
        {"name": "lines", "type": {"type": "array", "items":
            {"type": "record", "name": "Line", "fields": [{"name": "text", "type": "string"}]}}}]}"#;

    fn note() -> Json {
        json!({"id": "7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11", "on": 9862, "kind": "short",
            "weight": 3_000_000_000_i64, "lines": [{"text": "a"}, {"text": "b"}]})
    }

    #[test]
    fn json_reads_back_with_the_defaults() {
        let codec = Codec::parse(NOTE).unwrap();
        let datum = encode(&codec, &note()).unwrap();
        assert_eq!(codec.decode_json(&datum).unwrap(), note());
        let mut short = note();
        short.as_object_mut().unwrap().remove("weight");
        short.as_object_mut().unwrap().remove("kind");
        let read = codec.decode_json(&encode(&codec, &short).unwrap()).unwrap();
        assert_eq!(
            (&read["weight"], &read["kind"]),
            (&Json::Null, &json!("short"))
        );
    }

    #[test]
    fn json_that_would_be_lost_is_refused() {
        let codec = Codec::parse(NOTE).unwrap();
        for (pointer, value) in [
            ("/kind", json!("long")),
            ("/lines/1", json!({"text": "b", "more": 1})),
            ("/more", json!(1)),
        ] {
            let mut wrong = note();
            match wrong.pointer_mut(pointer) {
                Some(place) => *place = value,
                None => wrong["more"] = value,
            }
            let error = format!("{:#}", encode(&codec, &wrong).unwrap_err());
            assert!(
                error.contains("has no place in the schema"),
                "{pointer}: {error}"
            );
        }
        let mut wrong = note();
        wrong["on"] = json!("1997-01-01");
        assert!(encode(&codec, &wrong).is_err());
        wrong.as_object_mut().unwrap().remove("on");
        assert!(encode(&codec, &wrong).is_err());
    }
}
