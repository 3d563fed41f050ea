//! The messages of a project, as its schemas have them, and expressions that create one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::names::RecordName;

/// An aggregate with its commands and events.
#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    /// Name with its context, such as `shop.item`.
    pub(super) name: String,
    pub(super) commands: Vec<Message>,
    pub(super) events: Vec<Message>,
}

/// A command or an event.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) name: RecordName,
    /// Each field with its Avro type.
    fields: Vec<(String, Value)>,
}

impl Aggregate {
    /// Returns the name without its context, such as `item`.
    pub(super) fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// Returns the name of the generated module.
    pub(super) fn module(&self) -> String {
        self.short_name().replace('-', "_")
    }
}

/// Reads the aggregates of a folder of schemas.
pub(super) fn read(folder: &Path) -> Result<Vec<Aggregate>> {
    let mut aggregates: BTreeMap<String, Aggregate> = BTreeMap::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "avsc") {
            continue;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let schema = serde_json::from_str(&text)
            .with_context(|| format!("{} is not valid JSON", path.display()))?;
        let records = match schema {
            Value::Array(records) => records,
            record => vec![record],
        };
        for record in &records {
            let Some(name) = record["aggregate"].as_str() else {
                continue;
            };
            let aggregate = aggregates.entry(name.to_owned()).or_insert(Aggregate {
                name: name.to_owned(),
                commands: Vec::new(),
                events: Vec::new(),
            });
            match record["role"].as_str() {
                Some("command") => aggregate.commands.push(message(record)),
                Some("event") => aggregate.events.push(message(record)),
                _ => bail!("{}: a role is neither command nor event", path.display()),
            }
        }
    }
    Ok(aggregates.into_values().collect())
}

fn message(record: &Value) -> Message {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fields = record["fields"].as_array().into_iter().flatten();
    Message {
        name: RecordName(text(&record["name"])),
        fields: fields
            .map(|field| (text(&field["name"]), field["type"].clone()))
            .collect(),
    }
}

impl Message {
    /// Returns an expression of the message with a value for each field. A field that `from` has
    /// too, with the same type, is cloned from the variable of this name.
    pub(super) fn expression(&self, from: Option<(&str, &Message)>) -> Result<String> {
        let fields = self.fields.iter().map(|(name, schema)| {
            let value = match from {
                Some((variable, other))
                    if other.fields.contains(&(name.clone(), schema.clone())) =>
                {
                    format!("{variable}.{name}.clone()")
                }
                _ => sample(name, schema).with_context(|| {
                    format!(
                        "the field {name} of {} has a type without a sample value: write this \
                             part by hand",
                        self.name.0
                    )
                })?,
            };
            Ok(format!("{name}: {value}"))
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        Ok(format!(
            "crate::records::{} {{ {} }}",
            self.name.0,
            fields.join(", ")
        ))
    }

    /// Returns true if [`Self::expression`] reads from the other message.
    pub(super) fn shares_a_field_with(&self, other: &Message) -> bool {
        self.fields.iter().any(|field| other.fields.contains(field))
    }
}

/// Returns an expression for a value of an Avro type. A text is the name of its field, so that it
/// is not empty.
fn sample(field: &str, schema: &Value) -> Option<String> {
    if let Value::Array(union) = schema {
        return union
            .contains(&Value::from("null"))
            .then(|| "None".to_owned());
    }
    let kind = schema.as_str().or_else(|| schema["type"].as_str())?;
    let logical = schema["logicalType"].as_str();
    let value = match (kind, logical) {
        ("string", Some("uuid")) => "uuid::Uuid::nil()".to_owned(),
        ("string", None) => format!("{field:?}.to_owned()"),
        ("int" | "long", None) => "1".to_owned(),
        ("float" | "double", None) => "1.0".to_owned(),
        ("boolean", None) => "true".to_owned(),
        ("array", None) => "Vec::new()".to_owned(),
        _ => return None,
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(name: &str, fields: &Value) -> Message {
        message(&json!({"name": name, "fields": fields}))
    }

    #[test]
    fn messages_are_read_from_files_with_one_or_several_records() {
        let folder = tempfile::tempdir().unwrap();
        let record = |name, role| json!({"name": name, "aggregate": "shop.order-line", "role": role, "fields": []});
        let part = json!({"name": "Part", "fields": []});
        let write = |file: &str, schema: Value| {
            fs::write(folder.path().join(file), schema.to_string()).unwrap();
        };
        write(
            "a.avsc",
            json!([record("Add", "command"), record("Added", "event"), part]),
        );
        write("b.avsc", record("Drop", "command"));
        let found = read(folder.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].module(), "order_line");
        assert_eq!((found[0].commands.len(), found[0].events.len()), (2, 1));
        write("c.avsc", record("Odd", "query"));
        assert!(read(folder.path()).is_err());
    }

    #[test]
    fn expression_copies_fields_and_fills_the_others() {
        let event = one("Added", &json!([{"name": "name", "type": "string"}]));
        let command = one(
            "Copy",
            &json!([
                {"name": "name", "type": "string"},
                {"name": "times", "type": "int"},
                {"name": "why", "type": ["null", "string"]}
            ]),
        );
        assert_eq!(
            command.expression(Some(("event", &event))).unwrap(),
            "crate::records::Copy { name: event.name.clone(), times: 1, why: None }"
        );
        assert_eq!(
            event.expression(None).unwrap(),
            "crate::records::Added { name: \"name\".to_owned() }"
        );
        let odd = one("Odd", &json!([{"name": "state", "type": {"type": "enum"}}]));
        assert!(odd.expression(None).is_err());
    }
}
