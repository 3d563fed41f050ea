//! The provider's HTTP interface, with its own vocabulary and error format.
//!
//! | request | response |
//! |---|---|
//! | `POST /payments` `{payment_id, amount, method, callback}` | 202 `{provider_reference}`; the result comes by webhook |
//! | `POST /refunds` `{payment_id, charge, amount, callback}` | 202 `{provider_reference}`; `charge` is the provider's reference |
//! | `GET /payments/{id}` | the money moved for this payment |
//! | `GET /totals` | all money captured and refunded, and the number of open orders |
//!
//! `POST` requires an `Idempotency-Key`: the same request with the same key has the same response.
//! Refusals have `{code, detail}`: 400 for an unreadable request and 422 for one that cannot be
//! executed. Neither will ever move money.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::behaviour::Verdict;
use crate::book::{Account, Kind, Moved, Order};
use crate::money::Money;
use crate::provider::{Provider, Refusal};

const LONGEST_KEY: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Charge {
    payment_id: Uuid,
    amount: Money,
    method: String,
    callback: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    payment_id: Uuid,
    charge: String,
    amount: Money,
    callback: String,
}

impl From<Charge> for Order {
    fn from(asked: Charge) -> Self {
        Self {
            payment_id: asked.payment_id,
            kind: Kind::Charge {
                method: asked.method,
            },
            amount: asked.amount,
            callback: asked.callback,
        }
    }
}

impl From<Refund> for Order {
    fn from(asked: Refund) -> Self {
        Self {
            payment_id: asked.payment_id,
            kind: Kind::Refund {
                charge: asked.charge,
            },
            amount: asked.amount,
            callback: asked.callback,
        }
    }
}

/// Returns the provider's routes.
pub fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/payments", post(order::<Charge>))
        .route("/refunds", post(order::<Refund>))
        .route("/payments/{id}", get(payment))
        .route("/totals", get(totals))
        .with_state(provider)
}

async fn order<T: Into<Order>>(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    asked: Result<Json<T>, JsonRejection>,
) -> Response {
    let key = headers.get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok());
    let Some(key) = key.filter(|key| (1..=LONGEST_KEY).contains(&key.len())) else {
        let detail = "an Idempotency-Key of 1 to 255 characters is needed";
        return no(StatusCode::BAD_REQUEST, "invalid_key", detail);
    };
    let order: Order = match asked {
        Ok(Json(asked)) => asked.into(),
        Err(error) => {
            return no(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                &error.body_text(),
            );
        }
    };
    if reqwest::Url::parse(&order.callback).is_err() {
        let detail = "the callback is not a URL";
        return no(StatusCode::BAD_REQUEST, "invalid_callback", detail);
    }
    match provider.accept(key, order) {
        Ok(reference) => {
            let accepted = Json(json!({"provider_reference": reference}));
            (StatusCode::ACCEPTED, accepted).into_response()
        }
        Err(Refusal::Rule(code, detail)) => no(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
        Err(Refusal::Journal(error)) => {
            tracing::error!(error = %error, "cannot accept an order");
            no(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                &error.to_string(),
            )
        }
    }
}

async fn payment(State(provider): State<Arc<Provider>>, Path(id): Path<Uuid>) -> Response {
    provider.read(|book| {
        let accounts = book.payment(id);
        if accounts.is_empty() {
            return no(StatusCode::NOT_FOUND, "unknown_payment", "no order of this payment");
        }
        let moved: Moved = accounts.iter().copied().collect();
        let orders: Vec<Value> = accounts.into_iter().map(shown).collect();
        let body = json!({"payment_id": id, "captured": moved.captured, "refunded": moved.refunded, "orders": orders});
        Json(body).into_response()
    })
}

async fn totals(State(provider): State<Arc<Provider>>) -> Response {
    provider.read(|book| {
        let moved: Moved = book.all().collect();
        let open = book.all().filter(|account| account.is_open()).count();
        let body = json!({"captured": moved.captured, "refunded": moved.refunded, "open": open});
        Json(body).into_response()
    })
}

fn shown(account: &Account) -> Value {
    let movement = &account.movement;
    let state = match (account.settled, movement.plan.verdict) {
        (false, _) | (_, Verdict::Silence) => "pending",
        (true, Verdict::Done) => "done",
        (true, Verdict::Declined) => "declined",
    };
    json!({
        "provider_reference": movement.reference,
        "kind": movement.order.kind,
        "amount": movement.order.amount,
        "state": state,
        "unheard": account.unheard().count(),
    })
}

fn no(status: StatusCode, code: &str, detail: &str) -> Response {
    (status, Json(json!({"code": code, "detail": detail}))).into_response()
}
