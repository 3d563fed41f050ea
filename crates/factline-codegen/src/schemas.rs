//! Reads `.avsc` files. Each record includes the definitions of the records that it refers to.
//!
//! Therefore a registry subject or a foreign reader needs one text and no references.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::Shared;

/// A record of the contract.
pub(crate) struct Record {
    /// Name with namespace.
    pub(crate) full_name: String,
    /// Name of the Rust struct.
    pub(crate) name: String,
    /// `aggregate` attribute, such as `catalog.product`; records that are only parts of others have
    /// none.
    pub(crate) aggregate: Option<String>,
    /// `role` attribute: `command` or `event`.
    pub(crate) role: Option<String>,
    /// Name of the field with the attribute `id`, if one has it, and whether it is a UUID.
    pub(crate) id: Option<(String, bool)>,
    /// First sentence for the enum's variant.
    pub(crate) doc: String,
    /// The schema with every reference written out.
    pub(crate) json: String,
}

/// The records of a contract.
pub(crate) struct Records {
    /// The records of the contract's own folder, sorted by name.
    pub(crate) own: Vec<Record>,
    /// The records of the shared folders, each with the crate that has its Rust type.
    pub(crate) shared: Vec<(String, Record)>,
}

/// Reads the records of the contract's own folder and of the folders that it shares.
pub(crate) fn load(own: &Path, shared: &[Shared]) -> Result<Records> {
    let mut all = BTreeMap::new();
    let mut homes = BTreeMap::new();
    let folders = shared.iter().map(|shared| (shared.folder, Some(shared)));
    for (folder, home) in std::iter::once((own, None)).chain(folders) {
        for (name, value) in texts(folder)? {
            if all.insert(name.clone(), value).is_some() {
                bail!("record {name} is defined twice");
            }
            homes.insert(name, home.map(|shared| shared.crate_name.replace('-', "_")));
        }
    }
    let mut records = Records {
        own: Vec::new(),
        shared: Vec::new(),
    };
    for (name, value) in &all {
        let record = record(name, value, &all)?;
        match homes.remove(name).flatten() {
            None => records.own.push(record),
            Some(crate_name) => records.shared.push((crate_name, record)),
        }
    }
    Ok(records)
}

/// Returns the schemas of a folder by full name, as their files have them.
fn texts(folder: &Path) -> Result<Vec<(String, Value)>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut texts = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "avsc")
        {
            let definitions = match json(&path)? {
                Value::Array(definitions) => definitions,
                definition => vec![definition],
            };
            for definition in definitions {
                let name = full_name(&definition)
                    .with_context(|| format!("{} names no record", path.display()))?;
                texts.push((name, definition));
            }
        }
    }
    Ok(texts)
}

/// Reads a JSON file.
pub(crate) fn json(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not valid JSON", path.display()))
}

fn record(full_name: &str, value: &Value, all: &BTreeMap<String, Value>) -> Result<Record> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let doc = text("doc").with_context(|| {
        format!("record {full_name} has no \"doc\", which clients read in /docs")
    })?;
    for field in value["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        if field.get("doc").is_none() {
            bail!("field {full_name}.{name} has no \"doc\", which clients read in /docs");
        }
        if has_wide_union(&field["type"]) {
            bail!(
                "field {full_name}.{name} is a union of several types: use null and one other type, \
                 or a field for each type"
            );
        }
    }
    Ok(Record {
        full_name: full_name.to_owned(),
        name: text("name").unwrap_or_default(),
        aggregate: text("aggregate"),
        role: text("role"),
        id: id(full_name, value)?,
        doc,
        json: serde_json::to_string(&written_out(value, all, &mut BTreeSet::new()))?,
    })
}

/// Returns the field that has the aggregate's id, and whether it is a UUID.
fn id(full_name: &str, value: &Value) -> Result<Option<(String, bool)>> {
    let fields = value["fields"].as_array().into_iter().flatten();
    let mut marked = fields.filter(|field| field["id"] == true);
    let Some(field) = marked.next() else {
        return Ok(None);
    };
    let name = field["name"].as_str().unwrap_or_default();
    if marked.next().is_some() {
        bail!("record {full_name} has two fields with \"id\": an aggregate has one id");
    }
    let of = &field["type"];
    let is_uuid = of["logicalType"] == "uuid";
    if of != "string" && !(is_uuid && of["type"] == "string") {
        bail!("field {full_name}.{name} has \"id\": an id is a string or a UUID");
    }
    Ok(Some((name.to_owned(), is_uuid)))
}

/// Returns whether a type contains a union of anything but null and one other type, for which there
/// is no plain form in Rust, JSON and SQL.
fn has_wide_union(value: &Value) -> bool {
    match value {
        Value::Array(variants) => {
            let nulls = variants.iter().filter(|variant| *variant == "null");
            variants.len() != 2 || nulls.count() != 1 || variants.iter().any(has_wide_union)
        }
        Value::Object(object) => {
            let inner = ["type", "items", "values"].into_iter();
            inner.filter_map(|key| object.get(key)).any(has_wide_union)
        }
        _ => false,
    }
}

fn full_name(value: &Value) -> Option<String> {
    let name = value.get("name")?.as_str()?;
    Some(match value.get("namespace").and_then(Value::as_str) {
        Some(namespace) => format!("{namespace}.{name}"),
        None => name.to_owned(),
    })
}

/// Replaces the first mention of each known record by its definition; Avro forbids defining it
/// twice.
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

/// Generates the structs of the contract's own records with `rsgen-avro`, and imports the shared
/// ones that they refer to.
pub(crate) fn structs(records: &Records) -> Result<String> {
    let own = items(&records.own)?;
    let mut elsewhere = BTreeSet::new();
    let mut source = String::new();
    for (crate_name, record) in &records.shared {
        let items = items(std::slice::from_ref(record))?;
        let named = format!(" {} {{", record.name);
        let mut definitions = items.iter().filter(|item| item.contains(&named));
        if definitions.any(|item| own.contains(item)) {
            writeln!(source, "pub use {crate_name}::{};\n", record.name)?;
        }
        elsewhere.extend(items);
    }
    source.extend(own.into_iter().filter(|item| !elsewhere.contains(item)));
    Ok(source)
}

/// Returns the Rust items of records, each once, since a record that two others contain is
/// generated with each of them.
fn items(records: &[Record]) -> Result<Vec<String>> {
    let mut source = Vec::new();
    let generator = rsgen_avro::Generator::builder().build()?;
    for record in records {
        generator.generate(&rsgen_avro::Source::SchemaStr(&record.json), &mut source)?;
    }
    let source = String::from_utf8(source)?.replace("apache_avro::Uuid", "uuid::Uuid");
    let mut seen = BTreeSet::new();
    Ok(source
        .split("\n\n")
        .map(|item| format!("{}\n\n", item.trim()))
        .filter(|item| seen.insert(item.clone()))
        .collect())
}
