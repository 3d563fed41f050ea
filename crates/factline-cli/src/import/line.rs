//! An event of the file.

use factline::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// A line: an event as `factline export` writes it, or only the fields that cannot be derived.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) key: String,
    #[serde(rename = "type")]
    pub(super) record: String,
    pub(super) time: Timestamp,
    pub(super) data: Value,
    pub(super) id: Option<Uuid>,
    pub(super) version: Option<u64>,
    pub(super) operation: Option<Uuid>,
    pub(super) correlation: Option<Uuid>,
    pub(super) causation: Option<Uuid>,
    pub(super) root_operation: Option<Uuid>,
    pub(super) parent_operation: Option<Uuid>,
    pub(super) process_type: Option<String>,
    pub(super) process_id: Option<String>,
    pub(super) opens: Option<String>,
    pub(super) concludes: Option<Uuid>,
    pub(super) retry_of: Option<Uuid>,
    pub(super) cancels: Option<Uuid>,
    pub(super) actor: Option<String>,
    pub(super) source: Option<String>,
    pub(super) origin_time: Option<Timestamp>,
    pub(super) command_position: Option<String>,
    pub(super) position: Option<String>,
    pub(super) traceparent: Option<String>,
    /// The place in the exported topic, which the event does not keep.
    #[serde(rename = "place")]
    _place: Option<String>,
    /// The number in the exported partition, which the event does not keep.
    #[serde(rename = "partition_sequence")]
    _partition_sequence: Option<u64>,
}
