//! The changes that a batch made to rows, and their metrics.

use factline::Timestamp;
use uuid::Uuid;

use crate::observation::RecordId;

/// A row before and after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The operation.
    pub id: Uuid,
    /// Its new state.
    pub state: String,
    /// The location of the record with the new state.
    pub record_id: RecordId,
    /// Its old state; none if the row is new.
    pub old_state: Option<String>,
    /// The location of the record with the old state.
    pub old_record_id: Option<RecordId>,
    /// Time at which the edge accepted the command.
    pub created_at: Timestamp,
    /// Time at which the record was written.
    pub updated_at: Timestamp,
}

impl Change {
    /// Returns whether a terminal outcome was replaced by one with a lower location.
    pub fn displaced(&self) -> bool {
        let terminal = !matches!(
            self.old_state.as_deref(),
            None | Some("pending" | "running")
        );
        terminal && self.old_record_id.as_ref() != Some(&self.record_id)
    }
}

/// Counts a change of state. For a terminal state it also records the time since the edge accepted
/// the command, by the clocks of the edge and of the handler. A batch that is rolled back and
/// written again counts twice.
pub fn count(change: &Change) {
    if change.old_state.as_ref() == Some(&change.state) {
        return;
    }
    let from = change
        .old_state
        .clone()
        .unwrap_or_else(|| "none".to_owned());
    let labels = [("from", from), ("to", change.state.clone())];
    metrics::counter!("factline_operations_total", &labels).increment(1);
    if !matches!(change.state.as_str(), "pending" | "running") {
        let took = (change.updated_at - change.created_at)
            .as_seconds_f64()
            .max(0.0);
        let state = change.state.clone();
        metrics::histogram!("factline_operation_seconds", "state" => state).record(took);
    }
}
