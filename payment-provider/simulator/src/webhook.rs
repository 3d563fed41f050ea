//! Webhooks: report the result to the client at least once, until the client accepts it.
//!
//! Each event has an idempotency key that stays the same over all attempts, so that the client can
//! apply it once. A 4xx response is permanent, so the event is dropped with an error in the log;
//! 409 and 429 are retried.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::behaviour::Verdict;
use crate::book::{Kind, Movement};

const TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The final response to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accepted.
    Heard,
    /// Permanently refused, with the response's status.
    Unwanted(u16),
}

/// Delivers events.
#[derive(Debug, Clone)]
pub struct Courier {
    http: reqwest::Client,
}

impl Courier {
    /// Creates the courier. Opens no connection.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http })
    }

    /// Delivers one of the events of a settled order, however long it takes; and once more, if the
    /// plan says so.
    pub async fn tell(&self, movement: &Movement, notice: u8) -> Answer {
        let answer = self.insist(movement, notice).await;
        if answer == Answer::Heard && movement.plan.repeated {
            count("repeated");
            // The response does not matter: the event has been accepted before.
            let _ = self.post(movement, notice).await;
        }
        answer
    }

    async fn insist(&self, movement: &Movement, notice: u8) -> Answer {
        let reference = &movement.reference;
        let mut wait = FIRST_WAIT;
        loop {
            let reason = match self.post(movement, notice).await {
                Ok(status) if status.is_success() => {
                    count("heard");
                    return Answer::Heard;
                }
                Ok(status) if is_final(status) => {
                    count("given_up");
                    let status = status.as_u16();
                    tracing::error!(reference, status, "webhook refused; dropping it");
                    return Answer::Unwanted(status);
                }
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            count("retried");
            tracing::warn!(reference, reason, "webhook failed; retrying");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn post(&self, movement: &Movement, notice: u8) -> Result<StatusCode, reqwest::Error> {
        let (path, body) = event(movement);
        let callback = movement.order.callback.trim_end_matches('/');
        let request = self
            .http
            .post(format!(
                "{callback}/payments/{}/{path}",
                movement.order.payment_id
            ))
            .header(
                "idempotency-key",
                format!("{}.{notice}", movement.reference),
            )
            .json(&body);
        Ok(request.send().await?.status())
    }
}

fn is_final(status: StatusCode) -> bool {
    let later = [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !later.contains(&status)
}

/// Returns the path and body of the event.
fn event(movement: &Movement) -> (&'static str, Value) {
    let (reference, order) = (&movement.reference, &movement.order);
    match (&order.kind, movement.plan.verdict) {
        (Kind::Charge { .. }, Verdict::Done) => (
            "captured",
            json!({"provider_reference": reference, "amount": order.amount}),
        ),
        // Names the charge, which is the reference that the client knows.
        (Kind::Refund { charge }, Verdict::Done) => {
            ("refunded", json!({"provider_reference": charge}))
        }
        (_, Verdict::Declined | Verdict::Silence) => ("declined", json!({"code": "card_declined"})),
    }
}

fn count(result: &'static str) {
    metrics::counter!("factline_simulator_webhooks_total", "result" => result).increment(1);
}
