//! An operation as clients see it: the JSON of a response, and its schema.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta, Utc};
use factline::Timestamp;
use factline::outcome::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use uuid::Uuid;

use crate::contracts::Resources;
use crate::history::{self, Transition};
use crate::states::{kind, state};
use crate::store::{Found, Operation};
use crate::tree::{Tree, tree};
use crate::workflow::WorkflowStep;

/// The name of the schema of an operation.
pub const OPERATION: &str = "Operation";

/// The name of the schema of a state that an operation has reached.
pub(crate) const REACHED: &str = "Reached";

/// An operation as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shown<'a> {
    /// Its id.
    id: Uuid,
    /// Its origin: a client's or policy's command, or a deadline that came due.
    #[schema(schema_with = kind)]
    kind: &'a str,
    /// The type of the command, or the name of the deadline.
    name: &'a str,
    /// Its state. It changes no more once it is neither `pending` nor `running`.
    #[schema(schema_with = state)]
    state: &'a str,
    /// Null until the operation has ended.
    #[schema(required)]
    success: Option<bool>,
    /// The stable code of a refusal or failure.
    #[schema(required)]
    code: Option<&'a str>,
    /// The code's explanation, for people.
    #[schema(required)]
    reason: Option<&'a str>,
    /// The address of the resource that the command is about, relative to the origin.
    #[schema(required)]
    pub(crate) resource: Option<String>,
    /// The user who sent the command.
    user_id: &'a str,
    /// The resource's version after the decision.
    #[schema(required)]
    version: Option<i64>,
    /// The value of `Factline-Position` for a read that shows what the operation wrote.
    #[schema(required)]
    position: Option<&'a str>,
    /// The operation whose fact led to this one.
    #[schema(required)]
    parent: Option<Uuid>,
    /// The operation that began the workflow.
    #[schema(required)]
    root: Option<Uuid>,
    /// The operation that this one repeats.
    #[schema(required)]
    retry_of: Option<Uuid>,
    /// The number of this attempt: 1, or one more than that of the operation that it repeats. Set
    /// on the requested operation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1)]
    attempt: Option<i64>,
    /// The operations that repeat this one. Set on the requested operation only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    retries: Vec<Uuid>,
    /// The time of acceptance.
    #[schema(format = DateTime)]
    created_at: String,
    /// The time of the current state.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The time after which the command is no longer wanted. Its handler then ends it as
    /// `timed_out`.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// Set if the operation should have ended by now. The state changes only when the handler has
    /// decided.
    overdue: bool,
    /// For each view that consumes its events, whether they are visible there yet. Only with
    /// `views=true`, and empty until the operation has a position.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) visible: Option<BTreeMap<String, bool>>,
    /// The states that it has reached, in their order.
    history: Vec<Reached<'a>>,
    /// The steps of the workflow that it began, in their order. Set on the requested operation
    /// only, if the contract lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) steps: Option<Vec<WorkflowStep<'a>>>,
    /// The operations that it led to, oldest first.
    #[schema(schema_with = children)]
    children: Vec<Self>,
    /// Set on the requested operation if it has more descendants than are shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    children_truncated: bool,
}

/// A state that an operation has reached.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reached<'a> {
    /// The state.
    #[schema(schema_with = state)]
    state: &'a str,
    /// The time at which the record was written.
    #[schema(format = DateTime)]
    at: String,
    /// The record in Kafka, as `topic/partition@offset`, without the prefix of the topic.
    record: String,
    /// The stable code of a refusal or failure.
    #[schema(required)]
    code: Option<&'a str>,
    /// The code's explanation, for people.
    #[schema(required)]
    reason: Option<&'a str>,
}

impl<'a> Reached<'a> {
    fn new(operation: &'a Operation, transition: &Transition<'a>) -> Self {
        let of_end = |value: Option<&'a str>| value.filter(|_| transition.rank == operation.rank);
        Self {
            state: transition.state,
            at: instant(transition.at),
            record: transition.record.clone(),
            code: of_end(operation.code.as_deref()),
            reason: of_end(operation.reason.as_deref()),
        }
    }
}

/// Time after which a pending operation is overdue, unless its time to live is shorter. Most
/// commands are decided within milliseconds. A workflow may be open for as long as its process
/// permits, and is never overdue.
const OVERDUE: TimeDelta = TimeDelta::seconds(30);

/// Returns whether a command should have been decided by now.
pub(crate) fn is_overdue(operation: &Operation, now: Timestamp) -> bool {
    let expected = operation.created_at.checked_add_signed(OVERDUE);
    let due = operation.expires_at.into_iter().chain(expected).min();
    operation.state == State::Pending.as_str() && due.is_some_and(|due| due < now)
}

impl<'a> Shown<'a> {
    /// Returns an operation with its descendants.
    pub fn new(found: &'a Found, resources: &Resources) -> Self {
        let (tree, children_truncated) = tree(found);
        Self {
            children_truncated,
            attempt: Some(found.attempt),
            retries: found.retries.clone(),
            ..Self::of(&tree, resources, Utc::now())
        }
    }

    fn of(tree: &Tree<'a>, resources: &Resources, now: Timestamp) -> Self {
        let operation = tree.operation;
        let resource_id = operation.resource_id.as_deref();
        Self {
            id: operation.id,
            kind: &operation.kind,
            name: &operation.name,
            state: &operation.state,
            success: operation
                .has_ended()
                .then_some(operation.state == "completed"),
            code: operation.code.as_deref(),
            reason: operation.reason.as_deref(),
            resource: resource_id.and_then(|id| resources.of(&operation.aggregate, id)),
            user_id: &operation.user_id,
            version: operation.version,
            position: operation.position.as_deref(),
            parent: operation.parent,
            root: operation.root,
            retry_of: operation.retry_of,
            attempt: None,
            retries: Vec::new(),
            created_at: instant(operation.created_at),
            expires_at: operation.expires_at.map(instant),
            overdue: is_overdue(operation, now),
            visible: None,
            history: history::of(operation)
                .into_iter()
                .map(|transition| Reached::new(operation, &transition))
                .collect(),
            // This time is from another clock than the creation time.
            updated_at: instant(operation.updated_at.max(operation.created_at)),
            children: tree
                .children
                .iter()
                .map(|child| Self::of(child, resources, now))
                .collect(),
            children_truncated: false,
            steps: None,
        }
    }
}

pub(crate) fn instant(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Returns the schema of the operations that an operation led to.
fn children() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(OPERATION))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_command_is_overdue_after_its_time_to_live_or_half_a_minute() {
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        for (expires, first) in [(None, 31), (Some(5), 6), (Some(600), 31)] {
            let operation = Operation {
                expires_at: expires.map(at),
                ..Operation::example(1)
            };
            assert!(!is_overdue(&operation, at(first - 1)), "{expires:?}");
            assert!(is_overdue(&operation, at(first)), "{expires:?}");
        }
        let running = Operation {
            state: "running".to_owned(),
            ..Operation::example(1)
        };
        assert!(!is_overdue(&running, at(3_600)));
    }
}
