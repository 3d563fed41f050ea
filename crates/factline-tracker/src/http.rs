//! The routes, and `GET /operations/{id}`.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use factline_http::openapi::serving;
use factline_http::{Path, Problem, Query, fallback, prefer};
use serde::Deserialize;

use crate::answers::{Asked, look, operation_id, read_hint, respond};
use crate::webhooks::{challenge, deliveries, registration};
use crate::{cancel, list, openapi, statistics, stream, waiting};

pub use crate::answers::Answers;

/// Returns the routes, without a fallback and without their document.
pub fn routes(answers: Answers) -> Router {
    Router::new()
        .route("/operations", get(list::list))
        .route("/operations/events", get(stream::of_all))
        .route("/operations/statistics", get(statistics::statistics))
        .route("/operations/{id}", get(operation).delete(cancel::cancel))
        .route("/operations/{id}/events", get(stream::of_operation))
        .merge(webhooks())
        .with_state(answers)
}

/// Returns the routes of webhooks.
fn webhooks() -> Router<Answers> {
    Router::new()
        .route(
            "/webhooks",
            get(registration::list).post(registration::register),
        )
        .route(
            "/webhooks/{id}",
            get(registration::webhook).delete(registration::delete),
        )
        .route("/webhooks/{id}/secret", post(registration::rotate))
        .route("/webhooks/{id}/enable", post(challenge::enable))
        .route("/webhooks/{id}/deliveries", get(deliveries::list))
        .route(
            "/webhooks/{id}/deliveries/redeliver",
            post(deliveries::redeliver_all),
        )
        .route(
            "/webhooks/{id}/deliveries/{delivery}/redeliver",
            post(deliveries::redeliver),
        )
}

/// Returns the routes, and that of their OpenAPI document. Other requests get 404 or 405.
pub fn router(answers: Answers) -> Router {
    routes(answers)
        .merge(serving::route(openapi::document()))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

/// The query of `GET /operations/{id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    at: Option<String>,
    views: Option<bool>,
}

async fn operation(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(Wanted { at, views }): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked {
        id: operation_id(&id)?,
        hint: read_hint(&answers, at.as_deref())?,
        views: views.unwrap_or_default(),
        headers: &headers,
    };
    if let Some(wait) = prefer::wait(&headers) {
        return waiting::find(&answers, &asked, wait).await;
    }
    let answer = look(&answers, &asked).await;
    respond(&answers, &asked, answer).await
}
