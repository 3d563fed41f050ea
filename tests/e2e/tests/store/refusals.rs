//! Requests that the edge refuses, and its responses: none of them becomes a command.

use harness::{Log, System};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;

#[tokio::test(flavor = "multi_thread")]
async fn bad_request_names_the_invalid_fields() {
    let system = System::start("refusals").await.unwrap();
    let store = Client::of(&system);

    let bad = json!({"customer_id": 7, "lines": [{"product_id": "p", "name": "n", "quantity": 1.5,
        "unit_price": {"amount": 1, "currency": "USD"}, "colour": "red"}]});
    let answer = store.post("/orders", &bad).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    for pointer in ["/customer_id", "/lines/0/quantity", "/lines/0/colour"] {
        assert!(
            pointers
                .iter()
                .any(|found| found.trim_start_matches('#') == pointer),
            "{pointer} in {pointers:?}"
        );
    }

    each_is_refused(&store).await;

    let unread = store
        .get("/orders", &[("factline-position", "nonsense")])
        .await;
    assert_eq!(unread.status(), 400);

    let history = Log::of(&system, &ordering_schemas::ORDER)
        .check()
        .await
        .unwrap();
    assert!(
        history.commands.is_empty(),
        "a refused request became a command"
    );
}

/// Checks each bad request: its status, and that the response is a problem document.
async fn each_is_refused(store: &Client) {
    let json_type = Some("application/json");
    let cases = [
        (Method::POST, "/orders", json_type, "{".to_owned(), 400),
        (
            Method::POST,
            "/orders",
            Some("text/plain"),
            "{}".to_owned(),
            415,
        ),
        (
            Method::POST,
            "/orders",
            json_type,
            format!("\"{}\"", "x".repeat(2_000_000)),
            413,
        ),
        (Method::PUT, "/orders", json_type, "{}".to_owned(), 405),
        (Method::POST, "/nowhere", json_type, "{}".to_owned(), 404),
        (
            Method::POST,
            "/orders/not-a-uuid/ship",
            json_type,
            "{}".to_owned(),
            400,
        ),
        (
            Method::GET,
            "/orders/7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11",
            None,
            String::new(),
            404,
        ),
        (Method::GET, "/orders?limit=many", None, String::new(), 400),
        (
            Method::GET,
            "/orders?customer=a%00b",
            None,
            String::new(),
            400,
        ),
        (
            Method::GET,
            "/customers/a%00b/spending",
            None,
            String::new(),
            400,
        ),
        (
            Method::GET,
            "/operations/7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11",
            None,
            String::new(),
            404,
        ),
        (
            Method::GET,
            "/operations/nonsense",
            None,
            String::new(),
            400,
        ),
    ];
    for (method, path, content_type, body, status) in cases {
        let answer = store.send(method.clone(), path, content_type, body).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{method} {path}"
        );
    }
}
