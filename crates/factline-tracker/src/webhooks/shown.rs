//! Webhooks and their deliveries as clients see them.

use factline::Timestamp;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use crate::shown::instant;

use super::store::Webhook;

/// The name of the schema of a webhook.
pub(crate) const WEBHOOK: &str = "Webhook";

/// The name of the schema of a delivery.
pub(crate) const DELIVERY: &str = "WebhookDelivery";

/// The states of webhooks.
pub(crate) const STATES: [&str; 3] = ["unverified", "active", "disabled"];

/// The states of deliveries.
pub(crate) const DELIVERY_STATES: [&str; 3] = ["pending", "delivered", "dead"];

/// A webhook: where events of operations are sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownWebhook {
    /// Its id.
    id: Uuid,
    /// The address of its receiver.
    url: String,
    /// The events that it gets.
    events: Vec<String>,
    /// Set if it gets only events of this user's operations.
    #[schema(required)]
    user_id: Option<String>,
    /// Its state. It gets events while it is `active`.
    #[schema(schema_with = state)]
    state: String,
    /// The reason why it is disabled: `gone`, the receiver has answered with 410; `failing`, it
    /// has failed for days.
    #[schema(required)]
    reason: Option<String>,
    /// The time at which it was disabled.
    #[schema(format = DateTime, required)]
    disabled_at: Option<String>,
    /// The first failure after the last success.
    #[schema(format = DateTime, required)]
    failing_since: Option<String>,
    /// Set if it may have missed events from before this time, because it was disabled or behind
    /// for longer than changes are kept.
    #[schema(format = DateTime, required)]
    lost_before: Option<String>,
    /// Time up to which the secret before the present one signs as well.
    #[schema(format = DateTime, required)]
    old_secret_until: Option<String>,
    /// The time of its registration.
    #[schema(format = DateTime)]
    created_at: String,
    /// The key of the signatures. It is shown in this response only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    secret: Option<String>,
}

impl ShownWebhook {
    pub(super) fn new(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            events: webhook.events,
            user_id: webhook.user_id,
            state: webhook.state,
            reason: webhook.reason,
            disabled_at: webhook.disabled_at.map(instant),
            failing_since: webhook.failing_since.map(instant),
            lost_before: webhook.lost_before.map(instant),
            old_secret_until: webhook.old_secret_until.map(instant),
            created_at: instant(webhook.created_at),
            secret: None,
        }
    }

    /// Adds the secret, for the one response that has it.
    pub(super) fn with_secret(self, secret: String) -> Self {
        Self {
            secret: Some(secret),
            ..self
        }
    }
}

/// A row of a delivery.
#[derive(Debug, FromRow)]
pub(super) struct Delivery {
    id: Uuid,
    pub(super) number: i64,
    pub(super) rank: i16,
    operation_id: Uuid,
    event: String,
    at: Timestamp,
    state: String,
    attempts: i32,
    next_at: Timestamp,
    attempted_at: Option<Timestamp>,
    status: Option<i32>,
    error: Option<String>,
    finished_at: Option<Timestamp>,
}

/// One event for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownDelivery {
    /// Its id, the value of `webhook-id`.
    id: Uuid,
    /// The event.
    event: String,
    /// The operation.
    operation_id: Uuid,
    /// The time of the event.
    #[schema(format = DateTime)]
    at: String,
    /// Its state: `dead` after the last attempt has failed.
    #[schema(schema_with = delivery_state)]
    state: String,
    /// The number of attempts.
    #[schema(minimum = 0)]
    attempts: i32,
    /// The time of the last result.
    #[schema(format = DateTime, required)]
    attempted_at: Option<String>,
    /// The status of the last response.
    #[schema(required)]
    status: Option<i32>,
    /// The fault of the last attempt.
    #[schema(required)]
    error: Option<String>,
    /// The time of the next attempt, while it is pending. During an attempt, it is the time at
    /// which that one is given up.
    #[schema(format = DateTime, required)]
    next_at: Option<String>,
    /// The time of its end.
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
}

impl ShownDelivery {
    pub(super) fn new(delivery: Delivery) -> Self {
        let is_pending = delivery.state == "pending";
        Self {
            id: delivery.id,
            event: delivery.event,
            operation_id: delivery.operation_id,
            at: instant(delivery.at),
            state: delivery.state,
            attempts: delivery.attempts,
            attempted_at: delivery.attempted_at.map(instant),
            status: delivery.status,
            error: delivery.error,
            next_at: is_pending.then(|| instant(delivery.next_at)),
            finished_at: delivery.finished_at.map(instant),
        }
    }
}

fn state() -> Object {
    one_of(&STATES)
}

fn delivery_state() -> Object {
    one_of(&DELIVERY_STATES)
}

fn one_of(values: &[&'static str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values.iter().copied()))
        .build()
}
