//! Reading `.avsc` files: each record with the records that it refers to written out inside it.
//!
//! A registry subject and a foreign reader then need one text and no references.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A record of the contract.
pub(crate) struct Record {
    /// Name with namespace.
    pub(crate) full_name: String,
    /// Name of the Rust struct.
    pub(crate) name: String,
    /// `aggregate` attribute, such as `catalog.product`; records that are only parts of others have none.
    pub(crate) aggregate: Option<String>,
    /// `role` attribute: `command` or `event`.
    pub(crate) role: Option<String>,
    /// First sentence for the enum's variant.
    pub(crate) doc: String,
    /// The schema with every reference written out.
    pub(crate) json: String,
}

/// All records of `folders`, sorted by name.
pub(crate) fn load(folders: &[&Path]) -> Result<Vec<Record>> {
    let mut texts = BTreeMap::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "avsc")
            {
                let text = std::fs::read_to_string(&path)?;
                let value: Value = serde_json::from_str(&text)
                    .with_context(|| format!("{} is no JSON", path.display()))?;
                let name = full_name(&value)
                    .with_context(|| format!("{} names no record", path.display()))?;
                if texts.insert(name.clone(), value).is_some() {
                    bail!("record {name} stands in two files");
                }
            }
        }
    }
    texts
        .iter()
        .map(|(name, value)| record(name, value, &texts))
        .collect()
}

fn record(full_name: &str, value: &Value, all: &BTreeMap<String, Value>) -> Result<Record> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let doc = text("doc").with_context(|| format!("record {full_name} has no doc"))?;
    for field in value["fields"].as_array().into_iter().flatten() {
        if field.get("doc").is_none() {
            bail!("field {full_name}.{} has no doc", field["name"]);
        }
    }
    Ok(Record {
        full_name: full_name.to_owned(),
        name: text("name").unwrap_or_default(),
        aggregate: text("aggregate"),
        role: text("role"),
        doc,
        json: serde_json::to_string(&written_out(value, all, &mut BTreeSet::new()))?,
    })
}

fn full_name(value: &Value) -> Option<String> {
    let name = value.get("name")?.as_str()?;
    Some(match value.get("namespace").and_then(Value::as_str) {
        Some(namespace) => format!("{namespace}.{name}"),
        None => name.to_owned(),
    })
}

/// Replaces the first mention of each known record by its definition; Avro forbids defining it twice.
fn written_out(value: &Value, all: &BTreeMap<String, Value>, seen: &mut BTreeSet<String>) -> Value {
    match value {
        Value::Object(object) => {
            if let Some(name) = full_name(value) {
                seen.insert(name);
            }
            let inner = object.iter().map(|(key, inner)| {
                let inner = match key.as_str() {
                    "type" | "items" | "values" | "fields" => written_out(inner, all, seen),
                    _ => inner.clone(),
                };
                (key.clone(), inner)
            });
            Value::Object(inner.collect())
        }
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| written_out(item, all, seen))
                .collect(),
        ),
        Value::String(name) if !seen.contains(name) => match all.get(name) {
            Some(definition) => written_out(definition, all, seen),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

/// The structs, by `rsgen-avro`.
pub(crate) fn structs(records: &[Record]) -> Result<String> {
    let mut seen = BTreeSet::new();
    let mut source = Vec::new();
    let generator = rsgen_avro::Generator::builder().build()?;
    for record in records {
        generator.generate(&rsgen_avro::Source::SchemaStr(&record.json), &mut source)?;
    }
    let source = String::from_utf8(source)?.replace("apache_avro::Uuid", "uuid::Uuid");
    Ok(items(&source)
        .into_iter()
        .filter(|item| seen.insert(item.clone()))
        .collect())
}

/// Splits generated source into its items, since a record used by two others is generated twice.
fn items(source: &str) -> Vec<String> {
    source
        .split("\n\n")
        .map(|item| format!("{}\n\n", item.trim()))
        .collect()
}
