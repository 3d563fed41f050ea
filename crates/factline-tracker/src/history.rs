//! The transitions of an operation, which its row keeps: when it reached each state, and by which
//! record.

use factline::Timestamp;
use factline::outcome::State;

use crate::observation::Step;
use crate::store::Operation;

/// A state that an operation has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition<'a> {
    /// The rank of the state: 0 pending, 1 running, 2 terminal.
    pub(crate) rank: i16,
    pub(crate) state: &'a str,
    /// Time at which the record was written.
    pub(crate) at: Timestamp,
    /// The record, as `topic/partition@offset`, without the prefix of the topic.
    pub(crate) record: String,
}

/// Returns the transitions, the first one first. One whose record has not been read yet is left
/// out.
pub(crate) fn of(operation: &Operation) -> Vec<Transition<'_>> {
    let step = |rank, state: State, topic: &str, step: Step| Transition {
        rank,
        state: state.as_str(),
        at: step.at,
        record: format!(
            "{}.{topic}/{}@{}",
            operation.aggregate, step.partition, step.offset
        ),
    };
    let steps = &operation.steps;
    let pending = steps.pending();
    let pending = pending.map(|pending| step(0, State::Pending, "commands", pending));
    let running = steps.running();
    let running = running.map(|running| step(1, State::Running, "outcomes", running));
    let ended = operation.has_ended().then(|| Transition {
        rank: operation.rank,
        state: &operation.state,
        at: operation.updated_at,
        record: format!(
            "{}.outcomes/{}@{}",
            operation.aggregate, operation.record_id.partition, operation.record_id.offset
        ),
    });
    pending.into_iter().chain(running).chain(ended).collect()
}
