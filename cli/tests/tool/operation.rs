//! Operations, requested over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::stage::{Ran, ran};

/// Starts a store with an operation that is pending at the first request, and rejected from then
/// on.
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
    let router = Router::new()
        .route("/operations/7", get(answer))
        .route(
            "/operations/1",
            get(async || Json(workflow())).delete(cancel),
        )
        .route(
            "/operations/9",
            get(async || Json(ended("cancelled", None))).delete(cancel),
        )
        .route(
            "/operations/4",
            get(async || Json(ended("completed", None))),
        )
        .route(
            "/operations/5",
            get(async || Json(ended("completed", None))).delete(cancel),
        )
        .route(
            "/operations/6",
            get(async || Json(ended("rejected", Some("it ended before")))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Accepts a request to cancel an operation. That of 5 is rejected, and all others are completed.
async fn cancel(uri: Uri) -> impl IntoResponse {
    let own = if uri.path().ends_with('5') { 6 } else { 4 };
    let location = format!("/operations/{own}");
    let headers = [("location", location.clone()), ("x-operation", location)];
    (StatusCode::ACCEPTED, headers, "{}")
}

/// Returns an operation that has ended.
fn ended(state: &str, reason: Option<&str>) -> Value {
    json!({
        "id": "4", "kind": "command", "name": "factline.Cancel", "state": state, "success": state == "completed",
        "reason": reason, "user_id": "eve", "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    })
}

/// Returns an operation that led to another, which led to a third.
fn workflow() -> Value {
    let one = |id, state, code: Option<&str>, children: Value| {
        let kind = if id == "3" { "deadline" } else { "command" };
        json!({
            "id": id, "kind": kind, "name": format!("people.Step{id}"), "state": state, "success": null, "code": code,
            "user_id": "eve", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "children": children,
        })
    };
    let third = one("3", "rejected", Some("declined"), json!([]));
    let second = one("2", "completed", None, json!([third]));
    one("1", "running", None, json!([second]))
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_is_shown_with_its_descendants_below_it() {
    let url = store().await;
    let shown = operation(&url, &["1", "--format", "table"]).await;
    let lines: Vec<Vec<&str>> = shown
        .out
        .lines()
        .skip_while(|line| !line.starts_with("LED TO"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[1],
        ["people.Step2", "command", "completed", "-", "-", "2"],
        "{shown:?}"
    );
    assert_eq!(
        lines[2],
        ["people.Step3", "deadline", "rejected", "declined", "-", "3"]
    );
    assert!(shown.out.contains("\n  people.Step3"), "{shown:?}");
    let json = operation(&url, &["1", "--format", "json"]).await.json();
    let third = &json[0]["children"][0]["children"][0];
    assert_eq!(
        (&third["code"], &third["kind"]),
        (&json!("declined"), &json!("deadline"))
    );
}

async fn operation(url: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factline"));
    command
        .args(["operation", "--url", url])
        .env("FACTLINE_FORMAT", "json")
        .args(arguments);
    ran(command.output().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_is_shown_with_or_without_waiting_for_its_end() {
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

#[tokio::test(flavor = "multi_thread")]
async fn operation_is_cancelled_unless_the_request_is_refused() {
    let url = store().await;
    let cancelled = operation(&url, &["1", "--cancel"]).await;
    assert_eq!(cancelled.json()[0]["state"], "running");
    let ended = operation(&url, &["9", "--cancel", "--wait"]).await;
    assert!(
        ended.success && ended.out.contains("cancelled"),
        "{ended:?}"
    );
    let late = operation(&url, &["5", "--cancel"]).await;
    assert!(
        !late.success && late.err.contains("is rejected: it ended before"),
        "{late:?}"
    );
}
