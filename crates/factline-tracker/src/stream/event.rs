//! One event: a transition of an operation.

use axum::response::sse::Event;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::contracts::Resources;
use crate::history::Transition;
use crate::shown::instant;
use crate::states::state;
use crate::store::Operation;

/// The name of the schema of an event's data.
pub(crate) const EVENT: &str = "OperationEvent";

/// The data of an event. Its name is `operation_` and the state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sent<'a> {
    /// The operation.
    id: Uuid,
    /// The type of the command, or the name of the deadline.
    name: &'a str,
    /// The state that the operation has reached.
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
    resource: Option<String>,
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
    /// The time of the state.
    #[schema(format = DateTime)]
    at: String,
}

impl<'a> Sent<'a> {
    /// Returns the data of a transition. Only the end has what the decision led to.
    pub(crate) fn new(
        operation: &'a Operation,
        transition: &Transition<'a>,
        resources: &Resources,
    ) -> Self {
        let is_end = transition.rank == operation.rank;
        let has_ended = is_end && operation.has_ended();
        let resource_id = operation.resource_id.as_deref();
        let of_end = |value: Option<&'a str>| value.filter(|_| is_end);
        Self {
            id: operation.id,
            name: &operation.name,
            state: transition.state,
            success: has_ended.then_some(operation.state == "completed"),
            code: of_end(operation.code.as_deref()),
            reason: of_end(operation.reason.as_deref()),
            resource: resource_id.and_then(|id| resources.of(&operation.aggregate, id)),
            user_id: &operation.user_id,
            version: operation.version.filter(|_| is_end),
            position: of_end(operation.position.as_deref()),
            parent: operation.parent,
            root: operation.root,
            at: instant(transition.at),
        }
    }

    /// Returns the event with this id.
    pub(crate) fn event(&self, id: &str) -> Event {
        let data = serde_json::to_string(self).unwrap_or_default();
        Event::default()
            .id(id)
            .event(format!("operation_{}", self.state))
            .data(data)
    }
}
