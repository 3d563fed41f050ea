//! The ends of operations, as the tests compare them.

use factline::outcome::State;
use uuid::Uuid;

use super::messages::Event;
use crate::decide::facts::Facts;

/// Operation, state and code of an outcome.
pub(super) type Ended = (Uuid, State, Option<String>);

/// Returns the outcomes of all facts, in order.
pub(super) fn endings(facts: &[Facts<Event>]) -> Vec<Ended> {
    let outcomes = facts.iter().flat_map(|facts| {
        let outcomes = facts.outcome.iter().chain(&facts.concluded);
        outcomes.chain(&facts.cancel)
    });
    let endings = outcomes.map(|outcome| {
        let outcome = &outcome.value;
        (outcome.operation_id, outcome.state, outcome.code.clone())
    });
    endings.collect()
}

/// Returns the end of an operation without a code.
pub(super) fn completed(operation: Uuid) -> Ended {
    (operation, State::Completed, None)
}

/// Returns the end of an operation with a code.
pub(super) fn ended(operation: Uuid, state: State, code: &str) -> Ended {
    (operation, state, Some(code.to_owned()))
}
