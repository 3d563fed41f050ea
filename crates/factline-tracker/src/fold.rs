//! Folds a batch of status updates by operation before any of them reaches the database.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::observation::StatusUpdate;

/// A folded batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// One update for each operation, by id. Every instance locks rows in the same order, so that
    /// no deadlock is possible.
    pub operations: BTreeMap<Uuid, StatusUpdate>,
    /// Terminal outcomes that lost against another one of the batch.
    pub anomalies: Vec<StatusUpdate>,
}

/// Folds a batch.
pub fn fold(updates: impl IntoIterator<Item = StatusUpdate>) -> Folded {
    let mut folded = Folded::default();
    for update in updates {
        let Some(known) = folded.operations.remove(&update.id) else {
            folded.operations.insert(update.id, update);
            continue;
        };
        let (winner, loser) = merge(known, update);
        if winner.state.is_terminal()
            && loser.state.is_terminal()
            && winner.record_id != loser.record_id
        {
            folded.anomalies.push(loser);
        }
        folded.operations.insert(winner.id, winner);
    }
    folded
}

/// Returns the winner of two updates of an operation, and the loser. The winner gets the earlier
/// creation time, and the history of both.
fn merge(one: StatusUpdate, other: StatusUpdate) -> (StatusUpdate, StatusUpdate) {
    let created_at = one.created_at.min(other.created_at);
    let pending = first(one.pending, other.pending);
    let running = first(one.running, other.running);
    let expires_at = first(one.expires_at, other.expires_at);
    let (mut winner, loser) = if other.beats(&one) {
        (other, one)
    } else {
        (one, other)
    };
    winner.created_at = created_at;
    winner.pending = pending;
    winner.running = running;
    winner.expires_at = expires_at;
    (winner, loser)
}

/// Returns the lesser of two values, or the one that there is.
fn first<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}
