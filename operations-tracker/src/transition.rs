//! What a batch changed, and what is counted of it.

use factline::Timestamp;
use uuid::Uuid;

use crate::observation::Place;

/// A row before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The operation.
    pub id: Uuid,
    /// Its state now.
    pub state: String,
    /// The record that says so.
    pub place: Place,
    /// Its state before; none if the row is new.
    pub old_state: Option<String>,
    /// The record that said so.
    pub old_place: Option<Place>,
    /// When the edge accepted the command.
    pub created_at: Timestamp,
    /// When the record was written.
    pub updated_at: Timestamp,
}

impl Change {
    /// Whether a terminal outcome gave way to one that stands lower.
    pub fn displaced(&self) -> bool {
        let terminal = !matches!(
            self.old_state.as_deref(),
            None | Some("pending" | "running")
        );
        terminal && self.old_place.as_ref() != Some(&self.place)
    }
}

/// Counts a change of state; for an end, also how long it took since the edge accepted the command (by the clocks
/// of the edge and of the handler). A batch that is rolled back and written again counts twice.
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
