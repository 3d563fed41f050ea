//! Renders records for people and programs. A record that cannot be decoded is shown with the error
//! and is never skipped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use factline::{Envelope, Timestamp};
use factline_kafka::{Record, Registry, records::decode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::output::{Row, cell};

/// Returns an instant in the project's usual format.
pub(crate) fn instant(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns bytes that should be text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns a record with its envelope and its value.
pub(crate) async fn record(registry: &Registry, record: &Record) -> anyhow::Result<Value> {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("place", record.place().into());
    put("time", instant(record.timestamp).into());
    put("key", record.key.as_deref().map(text).into());
    match record.envelope() {
        Ok(envelope) => {
            put_envelope(&mut put, envelope);
        }
        Err(error) => {
            put("invalid_headers", error.to_string().into());
        }
    }
    value(registry, record, &mut shown).await?;
    shown.retain(|_, value| !value.is_null());
    Ok(Value::Object(shown))
}

/// Inserts all fields of an envelope. Those that are null are removed later.
fn put_envelope(put: &mut impl FnMut(&str, Value) -> Option<Value>, envelope: Envelope) {
    let id = |id: Option<Uuid>| Value::from(id.map(|id| id.to_string()));
    put("type", envelope.record.into());
    put("id", envelope.id.to_string().into());
    put("version", envelope.sequence.into());
    put("partition_sequence", envelope.partition_sequence.into());
    put("operation", envelope.operation.to_string().into());
    put("correlation", envelope.correlation.to_string().into());
    put("causation", envelope.causation.to_string().into());
    put("root_operation", id(envelope.root_operation));
    put("parent_operation", id(envelope.parent_operation));
    put("process_type", envelope.process_type.into());
    put("process_id", envelope.process_id.into());
    put("opens", envelope.opens.into());
    put("concludes", id(envelope.concludes));
    put("retry_of", id(envelope.retry_of));
    put("cancels", id(envelope.cancels));
    put("actor", envelope.actor.into());
    let roles = (!envelope.roles.is_empty()).then(|| envelope.roles.as_str());
    put("roles", roles.into());
    put("source", envelope.source.into());
    put("origin_time", instant(envelope.origin_time).into());
    put("time_to_live_ms", envelope.time_to_live_ms.into());
    put("expected_version", envelope.expected_version.into());
    put("command_position", envelope.command_position.into());
    put("position", envelope.position.into());
    put("traceparent", envelope.traceparent.into());
}

/// Inserts the value as `data`. If it cannot be decoded, inserts the error as `undecodable` beside
/// its bytes.
pub(crate) async fn value(
    registry: &Registry,
    record: &Record,
    shown: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    match decode::json(registry, record).await {
        Ok((name, data)) => {
            shown.entry("type").or_insert_with(|| name.clone().into());
            if shown["type"] != json!(name) {
                shown.insert("schema".to_owned(), name.into());
            }
            shown.insert("data".to_owned(), data);
        }
        // The record is not the cause: any other record would fail in the same way.
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::new(error));
            let bytes = record.value.as_deref().map(|bytes| STANDARD.encode(bytes));
            shown.insert("undecodable".to_owned(), reason.into());
            shown.insert("bytes".to_owned(), bytes.into());
        }
    }
    Ok(())
}

/// Names of the cells of [`row`].
pub(crate) const HEADING: [&str; 6] = ["time", "key", "version", "type", "actor", "data"];

/// Returns a rendered record as one line.
pub(crate) fn row(shown: Value) -> Row {
    let or = |name: &str, other: &str| shown.get(name).map_or_else(|| other.to_owned(), cell);
    let problem = |name: &str| shown.get(name).map(cell);
    let data = match (problem("invalid_headers"), problem("undecodable")) {
        (None, None) => or("data", "-"),
        (headers, value) => {
            let reasons: Vec<String> = [headers, value].into_iter().flatten().collect();
            format!("CANNOT BE DECODED: {}", reasons.join("; "))
        }
    };
    let version = or("version", "-");
    let cells = vec![
        or("time", "-"),
        or("key", "-"),
        format!("{version:>7}"),
        or("type", "-"),
        or("actor", "-"),
        data,
    ];
    (shown, cells)
}
