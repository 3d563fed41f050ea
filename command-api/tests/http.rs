//! Responses of the edge without any server behind it: everything up to the append, and an append
//! that fails.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use factline::{Contract, RecordSchema};
use factline_edge::{Config, edge};
use factline_http::openapi::testing;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

/// Starts the edge of the store.
async fn edge() -> String {
    edge_of(contracts::ALL).await
}

/// Starts an edge on a free port, with brokers that do not exist.
async fn edge_of(contracts: &[&'static Contract]) -> String {
    // Port 9 (discard) is closed wherever tests run.
    let args = ["command-api", "--kafka-brokers", "127.0.0.1:9"];
    let config = Config::try_parse_from(args).unwrap();
    let edge = edge::Edge::new(contracts, &config.kafka, Duration::from_millis(300)).unwrap();
    let router = edge::router(&Arc::new(edge));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

struct Problem {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn problem(request: RequestBuilder) -> Problem {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert_eq!(headers["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    Problem {
        status,
        headers,
        body,
    }
}

async fn pointers(request: RequestBuilder) -> Vec<String> {
    let problem = problem(request).await;
    assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{}", problem.body);
    let errors = problem.body["errors"].as_array().unwrap();
    let of = |error: &Value| {
        let place = error.get("pointer").or_else(|| error.get("parameter"));
        place.unwrap().as_str().unwrap().to_owned()
    };
    errors.iter().map(of).collect()
}

#[tokio::test]
async fn unknown_routes_and_methods_are_refused() {
    let (origin, client) = (edge().await, Client::new());
    let nothing = problem(client.post(format!("{origin}/nothing"))).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    for path in ["/orders".to_owned(), format!("/orders/{ID}/cancel")] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = client.request(method, format!("{origin}{path}"));
            let refused = problem(request).await;
            assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(refused.headers["allow"], "POST");
        }
    }
}

#[tokio::test]
async fn invalid_bodies_are_refused() {
    let (origin, client) = (edge().await, Client::new());
    let post = |path: &str| client.post(format!("{origin}{path}"));

    let text = || {
        post("/orders")
            .body("{}")
            .header("content-type", "text/plain")
    };
    assert_eq!(
        problem(text()).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let packed = post("/orders")
        .json(&json!({}))
        .header("content-encoding", "gzip");
    assert_eq!(
        problem(packed).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let large = post("/orders").json(&json!({"customer_id": "x".repeat(300 * 1024)}));
    assert_eq!(problem(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let suffixed = post("/orders")
        .body("{}")
        .header("content-type", "Application/Vnd.shop+JSON; charset=utf-8");
    assert_eq!(pointers(suffixed).await, ["/customer_id", "/lines"]);
    assert_eq!(
        pointers(post("/orders")).await,
        ["/customer_id", "/lines"],
        "no body"
    );
    let broken = post("/orders")
        .body("{")
        .header("content-type", "application/json");
    assert_eq!(pointers(broken).await, [""]);
    assert_eq!(pointers(post("/orders").json(&json!([]))).await, [""]);
    let twice = post("/orders")
        .body(r#"{"customer_id": "a", "lines": [], "customer_id": "b"}"#)
        .header("content-type", "application/json");
    assert_eq!(pointers(twice).await, ["/customer_id"]);
    let many: Vec<u8> = vec![0; 5_000];
    let body = json!({"customer_id": "c", "lines": many});
    assert_eq!(pointers(post("/orders").json(&body)).await.len(), 100);
}

#[tokio::test]
async fn invalid_ids_are_refused() {
    let (origin, client) = (edge().await, Client::new());
    let post = |path: String| client.post(format!("{origin}{path}"));
    assert_eq!(pointers(post("/orders/7/ship".to_owned())).await, ["id"]);
    assert_eq!(pointers(post("/orders/%ff/ship".to_owned())).await, ["id"]);
    let other = json!({"order_id": "00000000-0000-0000-0000-000000000000"});
    assert_eq!(
        pointers(post(format!("/orders/{ID}/ship")).json(&other)).await,
        ["/order_id"]
    );
}

/// An aggregate with natural keys. Its command has no field for them.
const TAG: &Contract = &Contract {
    aggregate: "catalog.tag",
    partitions: 1,
    commands: &[RecordSchema {
        name: "catalog.AddTag",
        json: r#"{"type": "record", "name": "catalog.AddTag", "fields": [{"name": "note", "type": "string"}]}"#,
    }],
    events: &[],
    routes: r#"{"aggregate": "catalog.tag", "resource": "tags/{id}", "routes": [
        {"method": "PUT", "path": "/tags/{id}", "command": "catalog.AddTag",
         "id": {"from": "path", "pattern": "[A-Z/ é]{2,5}"}}]}"#,
};

#[tokio::test]
async fn id_can_be_a_text_that_matches_a_pattern() {
    let (origin, client) = (edge_of(&[TAG]).await, Client::new());
    let put = |path: &str| {
        let body = json!({"note": "n"});
        client.put(format!("{origin}/tags/{path}")).json(&body)
    };
    let accepted = problem(put("AB%2FC%C3%A9")).await;
    assert_eq!(accepted.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(accepted.body["resource"], "tags/AB%2FC%C3%A9");
    assert_eq!(accepted.headers["x-resource"], "tags/AB%2FC%C3%A9");
    for id in ["A", "ABCDEF", "ab", "AB%0A", "%ff", ID] {
        assert_eq!(pointers(put(id)).await, ["id"], "{id}");
    }
}

/// An aggregate whose command demands a key.
const DEMANDING: &Contract = &Contract {
    routes: r#"{"aggregate": "catalog.tag", "resource": "tags/{id}", "routes": [
        {"method": "PUT", "path": "/tags/{id}", "command": "catalog.AddTag", "id": {"from": "path"},
         "idempotency_key": "required", "time_to_live_ms": 60000}]}"#,
    ..*TAG
};

#[tokio::test]
async fn route_can_demand_an_idempotency_key() {
    let (origin, client) = (edge_of(&[DEMANDING]).await, Client::new());
    let put = || {
        let body = json!({"note": "n"});
        client.put(format!("{origin}/tags/{ID}")).json(&body)
    };
    assert_eq!(pointers(put()).await, ["Idempotency-Key"]);
    let invalid = put().header("idempotency-key", "a key");
    assert_eq!(pointers(invalid).await, ["Idempotency-Key"]);
    let keyed = problem(put().header("idempotency-key", "k")).await;
    assert_eq!(keyed.status, StatusCode::SERVICE_UNAVAILABLE);
    let document = factline_edge::openapi(&[DEMANDING]).unwrap();
    let parameters = document["paths"]["/tags/{id}"]["put"]["parameters"].as_array();
    let key = parameters
        .unwrap()
        .iter()
        .find(|one| one["name"] == "Idempotency-Key");
    assert_eq!(key.unwrap()["required"], true);
}

#[tokio::test]
async fn edge_serves_the_document_of_its_routes() {
    let origin = edge().await;
    let response = reqwest::get(format!("{origin}/openapi.json"))
        .await
        .unwrap();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document, factline_edge::openapi(contracts::ALL).unwrap());
    assert_eq!(testing::faults(&document), Vec::<String>::new());
}

#[tokio::test]
async fn invalid_headers_are_named_with_all_other_errors() {
    let (origin, client) = (edge().await, Client::new());
    let wrong = |path: &str| {
        client
            .post(format!("{origin}{path}"))
            .header("idempotency-key", "a key")
            .header("factline-expected-version", "-1")
            .header("factline-time-to-live", "0")
    };
    let headers = [
        "Idempotency-Key",
        "Factline-Expected-Version",
        "Factline-Time-To-Live",
    ];
    let with = |other: &[&'static str]| [&headers, other].concat();
    let ship = format!("/orders/{ID}/ship");
    assert_eq!(pointers(wrong(&ship)).await, headers);
    assert_eq!(pointers(wrong("/orders/7/ship")).await, with(&["id"]));
    let missing = with(&["/customer_id", "/lines"]);
    assert_eq!(pointers(wrong("/orders")).await, missing);
    let broken = wrong("/orders")
        .body("{")
        .header("content-type", "application/json");
    assert_eq!(pointers(broken).await, with(&[""]));
}

/// The values derived from a key are known before anything is written, so a refusal can name them.
#[tokio::test]
async fn idempotency_key_determines_the_operation_and_the_created_aggregate() {
    let (origin, client) = (edge().await, Client::new());
    let named = async |key: &str, path: &str, body: &Value| {
        let request = client.post(format!("{origin}{path}")).json(body);
        let refused = problem(request.header("idempotency-key", key)).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        let member = |name: &str| refused.body[name].as_str().unwrap().to_owned();
        (member("operation"), member("resource"))
    };
    let cancel = |reason: &str| json!({"reason": reason});
    let (first, second) = (
        format!("/orders/{ID}/cancel"),
        format!("/orders/{}/cancel", ID.replace("0190", "0191")),
    );
    let one = named("k", &first, &cancel("late")).await;
    assert_eq!(named("\"k\"", &first, &cancel("late")).await, one);
    for other in [
        named("l", &first, &cancel("late")).await,
        named("k", &first, &cancel("dear")).await,
        named("k", &second, &cancel("late")).await,
        named("k", &first.replace("cancel", "ship"), &json!({})).await,
    ] {
        assert_ne!(other.0, one.0);
    }
}

#[tokio::test]
async fn command_before_the_first_registry_response_is_not_accepted() {
    let (origin, client) = (edge().await, Client::new());
    let started = Instant::now();
    let request = client.post(format!("{origin}/orders/{ID}/ship"));
    let problem = problem(request).await;
    assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem.body["outcome"], "not_accepted");
    assert_eq!(problem.body["resource"], format!("orders/{ID}"));
    assert_eq!(
        problem.body["operation"],
        problem.headers["x-operation"].to_str().unwrap()
    );
    assert_eq!(problem.headers["retry-after"], "1");
    assert!(started.elapsed() < Duration::from_secs(5));
}
