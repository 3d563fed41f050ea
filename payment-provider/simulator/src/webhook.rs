//! Webhooks: whoever asked is told the end, at least once, until he says that he has heard.
//!
//! Each event has an idempotency key that stays the same over its tries, so that the other side can take it once. What
//! is answered with 4xx will not be taken by asking again, so it is given up, loudly; 409 and 429 are for later.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::behaviour::Verdict;
use crate::book::{Kind, Movement};

const TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What came of an event, at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Heard,
    /// It never will be: the answer's status.
    Unwanted(u16),
}

/// Carries events out.
#[derive(Debug, Clone)]
pub struct Courier {
    http: reqwest::Client,
}

impl Courier {
    /// Opens no connection.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http })
    }

    /// Tells one of the events of an order that has come to its end, however long it takes; and once more, if that is
    /// the plan.
    pub async fn tell(&self, movement: &Movement, notice: u8) -> Answer {
        let answer = self.insist(movement, notice).await;
        if answer == Answer::Heard && movement.plan.repeated {
            count("repeated");
            // Whatever is answered: it has been heard.
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
                    tracing::error!(reference, status, "a webhook is not wanted and given up");
                    return Answer::Unwanted(status);
                }
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            count("retried");
            tracing::warn!(reference, reason, "a webhook is tried again");
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

/// What is said, and where.
fn event(movement: &Movement) -> (&'static str, Value) {
    let (reference, order) = (&movement.reference, &movement.order);
    match (&order.kind, movement.plan.verdict) {
        (Kind::Charge { .. }, Verdict::Done) => (
            "captured",
            json!({"provider_reference": reference, "amount": order.amount}),
        ),
        // Of the charge, which is what the other side knows.
        (Kind::Refund { charge }, Verdict::Done) => {
            ("refunded", json!({"provider_reference": charge}))
        }
        (_, Verdict::Declined | Verdict::Silence) => ("declined", json!({"code": "card_declined"})),
    }
}

fn count(result: &'static str) {
    metrics::counter!("factline_simulator_webhooks_total", "result" => result).increment(1);
}
