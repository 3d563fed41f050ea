//! The states and kinds of operations, as schemas of responses.

use factline::outcome::{OutcomeKind, State};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// The states of operations.
pub(crate) const STATES: [State; 7] = [
    State::Pending,
    State::Running,
    State::Completed,
    State::Rejected,
    State::Failed,
    State::TimedOut,
    State::Cancelled,
];

/// Returns the schema of an operation's state.
pub(crate) fn state() -> Object {
    one_of(&STATES.map(State::as_str))
}

/// Returns the schema of an operation's kind.
pub(crate) fn kind() -> Object {
    one_of(&[OutcomeKind::Command, OutcomeKind::Deadline].map(OutcomeKind::as_str))
}

/// Returns the schema of a text that has one of these values.
pub(crate) fn one_of(values: &[&'static str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values.iter().copied()))
        .build()
}
