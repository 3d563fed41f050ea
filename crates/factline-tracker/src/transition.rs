//! The changes that a batch made to rows, and their metrics.

use factline::Timestamp;
use uuid::Uuid;

use crate::feed::{Entry, NO_RANK};
use crate::observation::RecordId;

/// A row before and after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The operation.
    pub id: Uuid,
    /// Its new state.
    pub state: String,
    /// Rank of the new state.
    pub rank: i16,
    /// Rank of the old state; none if the row is new.
    pub old_rank: Option<i16>,
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
    /// Returns the entry of the feed. There is none unless the operation has reached a higher rank:
    /// a record that came late, or a terminal outcome that replaces another, wakes no request.
    pub(crate) fn in_feed(&self) -> Option<Entry> {
        let from_rank = self.old_rank.unwrap_or(NO_RANK);
        (self.rank > from_rank).then_some(Entry {
            operation_id: self.id,
            from_rank,
            to_rank: self.rank,
        })
    }

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
