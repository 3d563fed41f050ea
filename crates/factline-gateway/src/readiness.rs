//! Readiness of the gateway: it is ready while one of the services behind it is, because it can
//! forward the requests of that service. It passes on the reasons of the others, whose requests get
//! 503.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::response::Response;
use factline_service::Service;
use serde::Deserialize;

use crate::upstream::{self, Upstream};

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Readiness {
    reasons: Vec<String>,
}

/// Polls the readiness of all services until the process drains.
pub fn watch_all(service: &Service, upstreams: &[&Upstream]) {
    let names: Vec<&str> = upstreams.iter().map(|upstream| upstream.name()).collect();
    service.health.expect_any(&names);
    for upstream in upstreams {
        watch(service, upstream);
    }
}

fn watch(service: &Service, upstream: &Upstream) {
    let (service, upstream) = (service.clone(), upstream.clone());
    let asking = service.clone();
    service.tasks.spawn(async move {
        let ask = async {
            loop {
                asking
                    .health
                    .set(upstream.name(), readiness(&upstream).await);
                tokio::time::sleep(EVERY).await;
            }
        };
        asking.shutdown.run_until_cancelled(ask).await
    });
}

/// Returns the readiness that a service reports. An error is the reason why it is not ready.
pub async fn readiness(upstream: &Upstream) -> Result<(), String> {
    let answer = async {
        let response = upstream.get("/health/ready").await?;
        reason(response).await.map_or(Ok(()), Err)
    };
    upstream::within(PATIENCE, answer).await
}

async fn reason(answer: Response) -> Option<String> {
    let status = answer.status();
    if status == StatusCode::OK {
        return None;
    }
    let body = to_bytes(answer.into_body(), MAX_BYTES).await.ok()?;
    let said = serde_json::from_slice::<Readiness>(&body)
        .map(|readiness| readiness.reasons.join("; "))
        .unwrap_or_default();
    Some(if said.is_empty() {
        format!("responded with {status}")
    } else {
        said
    })
}
