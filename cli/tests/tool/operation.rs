//! Operations, asked for over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::process::Command;

use crate::stage::{Ran, ran};

/// An operation that is pending when it is first asked for, and rejected from then on.
async fn store() -> String {
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = move || async move {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        let (state, success) = if first {
            ("pending", None)
        } else {
            ("rejected", Some(false))
        };
        Json(json!({
            "id": "7", "name": "people.Greet", "state": state, "success": success, "user_id": "eve",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        }))
    };
    let router = Router::new().route("/operations/7", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn operation(url: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factline"));
    command
        .args(["operation", "--url", url, "--format", "json"])
        .args(arguments);
    ran(command.output().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_shown_or_waited_for() {
    let url = store().await;
    assert_eq!(operation(&url, &["7"]).await.json()[0]["state"], "pending");
    let ended = operation(&url, &["operations/7", "--wait"]).await;
    assert!(ended.out.contains("rejected"), "{ended:?}");
    assert!(
        !ended.success && ended.err.contains("is rejected"),
        "{ended:?}"
    );
    let unknown = operation(&url, &["8"]).await;
    assert!(
        !unknown.success && unknown.err.contains("404"),
        "{unknown:?}"
    );
}
