//! The events that webhooks get, and the bodies of their requests.

use factline::Timestamp;
use factline::outcome::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use uuid::Uuid;

use crate::contracts::Resources;
use crate::history::Transition;
use crate::shown::instant;
use crate::states::STATES;
use crate::store::Operation;
use crate::stream::{EVENT, Sent};

/// The name of the schema of a body.
pub(crate) const BODY: &str = "WebhookEvent";

/// The event that asks a receiver whether it agrees.
const CHALLENGE: &str = "webhook_challenge";

/// Returns the name of the event of a state, which is the same in streams.
pub(crate) fn name(state: &str) -> String {
    format!("operation_{state}")
}

/// Returns the names of all events.
pub(crate) fn names() -> Vec<String> {
    STATES.map(|state| name(state.as_str())).to_vec()
}

/// Returns the names of the events that a webhook gets unless it asks for others: the ends of
/// operations.
pub(crate) fn ends() -> Vec<String> {
    let ends = STATES
        .into_iter()
        .filter(|state| !matches!(state, State::Pending | State::Running));
    ends.map(|state| name(state.as_str())).collect()
}

/// The body of a request to a receiver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Body<D> {
    /// The event: `operation_` and the state, or `webhook_challenge`.
    r#type: String,
    /// The time of the event.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The operation, as in the events of streams.
    #[schema(schema_with = data)]
    data: D,
}

impl<D: Serialize> Body<D> {
    /// Returns the text that is signed and sent.
    fn write(kind: String, at: Timestamp, data: D) -> String {
        let body = Self {
            r#type: kind,
            timestamp: instant(at),
            data,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

fn data() -> Ref {
    Ref::from_schema_name(EVENT)
}

/// Returns the body of a transition.
pub(super) fn body(
    operation: &Operation,
    transition: &Transition<'_>,
    resources: &Resources,
) -> String {
    let data = Sent::new(operation, transition, resources);
    Body::write(name(transition.state), transition.at, data)
}

/// Returns the body of a challenge.
pub(super) fn challenge(webhook: Uuid, token: &str, now: Timestamp) -> String {
    let data: Value = serde_json::json!({"webhook_id": webhook, "token": token});
    Body::write(CHALLENGE.to_owned(), now, data)
}

/// Returns the id of an event for a webhook: the value of `webhook-id`. It is the same in each
/// attempt, and also if the deliveries are written again from a restored database.
pub(super) fn id(webhook: Uuid, operation: Uuid, rank: i16) -> Uuid {
    Uuid::new_v5(&webhook, format!("{operation}.{rank}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_those_of_states() {
        assert_eq!(names().len(), STATES.len());
        assert_eq!(
            ends(),
            [
                "operation_completed",
                "operation_rejected",
                "operation_failed",
                "operation_timed_out",
                "operation_cancelled"
            ]
        );
    }

    #[test]
    fn ids_of_events_are_stable_and_different() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        assert_eq!(id(one, two, 2), id(one, two, 2));
        for other in [id(one, two, 1), id(one, one, 2), id(two, two, 2)] {
            assert_ne!(id(one, two, 2), other);
        }
    }
}
