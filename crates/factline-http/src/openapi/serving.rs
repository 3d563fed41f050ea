//! Routes that serve an OpenAPI document and a page that shows it.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::Value;

use crate::etag;

/// The path of the document.
pub const PATH: &str = "/openapi.json";

/// Returns the route of a document.
pub fn route<S: Clone + Send + Sync + 'static>(document: Value) -> Router<S> {
    let document = Arc::new(document);
    let answer = move |request: HeaderMap| async move { etag::json(&request, &*document) };
    Router::new().route(PATH, get(answer))
}

/// Returns the routes of the page at `/docs`, which shows the document of the same origin. All its
/// files are in the binary.
#[cfg(feature = "docs")]
pub fn docs<S: Clone + Send + Sync + 'static>() -> Router<S> {
    use utoipa_swagger_ui::{Config, SwaggerUi};

    let config = Config::from(PATH).validator_url("none");
    SwaggerUi::new("/docs").config(config).into()
}

/// Returns the routes of a document and of the page that shows it.
#[cfg(feature = "docs")]
pub fn router<S: Clone + Send + Sync + 'static>(document: Value) -> Router<S> {
    route(document).merge(docs())
}
