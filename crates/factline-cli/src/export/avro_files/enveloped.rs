//! The schema of an exported record, and its values.

use anyhow::Result;
use apache_avro::types::Value;
use factline_kafka::Record;
use serde_json::json;
use uuid::Uuid;

/// Returns the schema of a record whose field `data` has the schema of the value. Times are in
/// microseconds; ids are texts.
pub(super) fn envelope_schema(data: &str) -> Result<String> {
    let data: serde_json::Value = serde_json::from_str(data)?;
    let mut fields = Vec::new();
    let mut field = |names: &[&str], kind: serde_json::Value| {
        fields.extend(names.iter().map(|name| json!({"name": name, "type": kind})));
    };
    let instant = json!({"type": "long", "logicalType": "timestamp-micros"});
    field(&["topic"], json!("string"));
    field(&["partition"], json!("int"));
    field(&["offset"], json!("long"));
    field(&["timestamp", "time", "origin_time"], instant);
    let texts = [
        "id",
        "type",
        "source",
        "subject",
        "operation",
        "correlation",
        "causation",
        "actor",
    ];
    field(&texts, json!("string"));
    field(&["version", "partition_sequence"], json!(["null", "long"]));
    field(&OPTIONAL, json!(["null", "string"]));
    field(&["data"], data);
    let schema = json!({
        "type": "record", "name": "Exported", "namespace": "factline.export", "fields": fields,
    });
    Ok(schema.to_string())
}

const OPTIONAL: [&str; 8] = [
    "root_operation",
    "parent_operation",
    "process_type",
    "process_id",
    "retry_of",
    "cancels",
    "command_position",
    "traceparent",
];

/// Returns a record with its envelope and its decoded value, in the order of the schema's fields.
pub(super) fn enveloped(record: &Record, data: Value) -> Result<Value> {
    let envelope = record.envelope()?;
    let optional = |text: Option<String>| match text {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(text) => Value::Union(1, Box::new(Value::String(text))),
    };
    let number = |number: Option<u64>| match number.and_then(|number| i64::try_from(number).ok()) {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(number) => Value::Union(1, Box::new(Value::Long(number))),
    };
    let id = |id: Option<Uuid>| optional(id.map(|id| id.to_string()));
    let text = |id: Uuid| Value::String(id.to_string());
    let fields = [
        ("topic", Value::String(record.topic.clone())),
        ("partition", Value::Int(record.partition)),
        ("offset", Value::Long(record.offset)),
        (
            "timestamp",
            Value::TimestampMicros(record.timestamp.timestamp_micros()),
        ),
        (
            "time",
            Value::TimestampMicros(envelope.time.timestamp_micros()),
        ),
        (
            "origin_time",
            Value::TimestampMicros(envelope.origin_time.timestamp_micros()),
        ),
        ("id", text(envelope.id)),
        ("type", Value::String(envelope.record)),
        ("source", Value::String(envelope.source)),
        ("subject", Value::String(envelope.subject)),
        ("operation", text(envelope.operation)),
        ("correlation", text(envelope.correlation)),
        ("causation", text(envelope.causation)),
        ("actor", Value::String(envelope.actor)),
        ("version", number(envelope.sequence)),
        ("partition_sequence", number(envelope.partition_sequence)),
        ("root_operation", id(envelope.root_operation)),
        ("parent_operation", id(envelope.parent_operation)),
        ("process_type", optional(envelope.process_type)),
        ("process_id", optional(envelope.process_id)),
        ("retry_of", id(envelope.retry_of)),
        ("cancels", id(envelope.cancels)),
        ("command_position", optional(envelope.command_position)),
        ("traceparent", optional(envelope.traceparent)),
        ("data", data),
    ];
    let fields = fields.into_iter();
    Ok(Value::Record(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    ))
}
