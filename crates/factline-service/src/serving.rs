//! The routes of every process, and where they are served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use factline_http::fallback;
use serde_json::json;
use tokio::net::TcpListener;

use crate::listener::{self, Limits, Permits, RateLimit};
use crate::{Service, metering, telemetry};

/// Maximum time in which a client reads nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

impl Service {
    /// Listens, and serves `router` and the common routes within the limits of the configuration.
    /// Returns when the process drains: then no connection is accepted any more and every open
    /// request has been answered.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound; the error names it.
    pub async fn serve(&self, router: Router) -> anyhow::Result<()> {
        let config = &self.config;
        let permits = Arc::new(Permits::new(config.max_requests));
        let shutdown = self.shutdown.clone();
        let mut router = router
            .layer(middleware::from_fn_with_state(shutdown, listener::end))
            .layer(middleware::from_fn_with_state(permits, listener::shed));
        if let Some(per_second) = config.rate_limit {
            let limit = Arc::new(RateLimit::new(per_second, config.proxies.into()));
            tokio::spawn(Arc::clone(&limit).forget_callers(self.shutdown.clone()));
            router = router.layer(middleware::from_fn_with_state(limit, listener::limit));
        }
        let router = router.layer(middleware::from_fn(metering::requests));
        let folding = tokio::spawn(telemetry::fold(self.metrics.clone()));
        match config.admin_listen {
            None => {
                self.listen(config.listen, router.merge(self.own_routes()))
                    .await?;
            }
            Some(admin) => {
                let own = self.own_routes().fallback(fallback::not_found);
                tokio::try_join!(self.listen(config.listen, router), self.listen(admin, own))?;
            }
        }
        folding.abort();
        Ok(())
    }

    /// Serves only the common routes, as [`serve`](Self::serve) does for a process without routes
    /// of its own.
    pub async fn serve_without_routes(&self) -> anyhow::Result<()> {
        self.serve(Router::new().fallback(fallback::not_found))
            .await
    }

    async fn listen(&self, address: SocketAddr, router: Router) -> anyhow::Result<()> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr().context("listener has no address")?;
        tracing::info!(service = self.name, %address, "listening");
        let limits = Limits {
            connections: self.config.max_connections,
            idle: self.config.idle_timeout,
            write: WRITE_TIMEOUT,
        };
        listener::serve(listener, router, limits, self.shutdown.clone()).await;
        Ok(())
    }

    fn own_routes(&self) -> Router {
        Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics))
            .method_not_allowed_fallback(fallback::method_not_allowed)
            .with_state(self.clone())
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
    let degraded = service.health.degraded();
    let body = json!({"ready": reasons.is_empty(), "reasons": reasons, "degraded": degraded});
    (status, Json(body)).into_response()
}

async fn metrics(State(service): State<Service>) -> Response {
    let ready = service.health.reasons().is_empty() && !service.shutdown.is_cancelled();
    metrics::gauge!("factline_ready").set(f64::from(u8::from(ready)));
    let degraded = !service.health.degraded().is_empty();
    metrics::gauge!("factline_degraded").set(f64::from(u8::from(degraded)));
    let text = service.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
