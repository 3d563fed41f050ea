//! A batch of sightings, folded by operation before the database sees any of them.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::observation::Sighting;

/// What a batch comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// One for each operation, by id: every instance locks rows in the same order, so that none waits in a ring.
    pub operations: BTreeMap<Uuid, Sighting>,
    /// Terminal outcomes that lost against another of the batch.
    pub anomalies: Vec<Sighting>,
}

/// Folds a batch.
pub fn fold(sightings: impl IntoIterator<Item = Sighting>) -> Folded {
    let mut folded = Folded::default();
    for sighting in sightings {
        let Some(known) = folded.operations.remove(&sighting.id) else {
            folded.operations.insert(sighting.id, sighting);
            continue;
        };
        let (winner, loser) = merge(known, sighting);
        if winner.state.is_terminal() && loser.state.is_terminal() && winner.place != loser.place {
            folded.anomalies.push(loser);
        }
        folded.operations.insert(winner.id, winner);
    }
    folded
}

/// Which of two says what the operation is, and the other one. The earlier creation time stays with the winner.
fn merge(one: Sighting, other: Sighting) -> (Sighting, Sighting) {
    let created_at = one.created_at.min(other.created_at);
    let (mut winner, loser) = if other.beats(&one) {
        (other, one)
    } else {
        (one, other)
    };
    winner.created_at = created_at;
    (winner, loser)
}
