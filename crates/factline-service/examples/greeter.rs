//! The smallest process: greets over HTTP, with a delay on request, until a signal arrives.
//!
//! `cargo run -p factline-service --example greeter -- --listen 127.0.0.1:8000`

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use clap::Parser;
use factline_service::{Service, ServiceConfig};

/// Greets over HTTP
#[derive(Parser)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
}

async fn run(_config: Config, service: Service) -> anyhow::Result<()> {
    service.health.expect("voice");
    let health = service.health.clone();
    let spawning = service.clone();
    let router = Router::new()
        .route("/greeting/{milliseconds}", get(greet))
        .route(
            "/voice",
            post(move || async move { health.set("voice", Ok(())) }),
        )
        .route(
            "/failure",
            post(move || async move {
                spawning.spawn("throat", async { anyhow::bail!("is sore") });
            }),
        );
    service.serve(router).await
}

async fn greet(Path(milliseconds): Path<u64>) -> &'static str {
    tracing::info!(milliseconds, "takes a breath");
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "hello"
}

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("greeter", |config: &Config| &config.service, run)
}
