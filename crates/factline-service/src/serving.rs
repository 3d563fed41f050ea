//! The HTTP listener of every process.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{Service, metering, telemetry};

impl Service {
    /// Listens, and serves `router` and the common routes. Returns when the process drains: then no
    /// connection is accepted any more and every open request has been answered.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound; the error names it.
    pub async fn serve(&self, router: Router) -> anyhow::Result<()> {
        let listen = self.config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr().context("listener has no address")?;
        tracing::info!(service = self.name, %address, "listening");
        let folding = tokio::spawn(telemetry::fold(self.metrics.clone()));
        let all = self.with_own_routes(router);
        // Handlers may extract the client's address as `ConnectInfo<SocketAddr>`.
        let all = all.into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, all)
            .with_graceful_shutdown(self.shutdown.clone().cancelled_owned())
            .await;
        folding.abort();
        served.context("http listener failed")
    }

    /// Serves only the common routes, as [`serve`](Self::serve) does for a process without routes
    /// of its own.
    pub async fn serve_without_routes(&self) -> anyhow::Result<()> {
        self.serve(Router::new()).await
    }

    fn with_own_routes(&self, router: Router) -> Router {
        let own = Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self.clone());
        router
            .layer(middleware::from_fn(metering::requests))
            .merge(own)
    }
}

async fn live() -> Response {
    Json(json!({"live": true})).into_response()
}

async fn ready(State(service): State<Service>) -> Response {
    let mut reasons = service.health.reasons();
    if service.shutdown.is_cancelled() {
        reasons.push("process: draining".to_owned());
    }
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"ready": reasons.is_empty(), "reasons": reasons});
    (status, Json(body)).into_response()
}

async fn metrics(State(service): State<Service>) -> Response {
    let ready = service.health.reasons().is_empty() && !service.shutdown.is_cancelled();
    metrics::gauge!("factline_ready").set(f64::from(u8::from(ready)));
    let text = service.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
