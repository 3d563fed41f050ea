//! Tests of the gateway with small test services behind it.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{any, get, post};
use clap::Parser as _;
use factline_gateway::{Config, Upstreams, readiness, router};
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn serve(router: Router) -> String {
    let (listener, address) = listener().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A service whose response contains its name, the request line and the request's headers.
fn named(name: &'static str) -> Router {
    let answer = move |request: Request| async move {
        let asked = format!("{name} {} {}", request.method(), request.uri());
        let mut headers = request.headers().clone();
        headers.remove("host");
        headers.remove("content-length");
        headers.insert("x-asked", asked.parse().unwrap());
        (StatusCode::ACCEPTED, headers, "body")
    };
    Router::new().fallback(any(answer))
}

fn upstreams(command_api: &str, tracker: &str, read_api: &str) -> Upstreams {
    let config = Config::try_parse_from([
        "gateway",
        "--command-api-url",
        command_api,
        "--operations-tracker-url",
        tracker,
        "--read-api-url",
        read_api,
        "--upstream-timeout",
        "0.5",
    ]);
    Upstreams::new(&config.unwrap())
}

/// Starts a gateway in front of three services, all at the same address.
async fn before(service: &str) -> String {
    serve(router(
        upstreams(service, service, service),
        String::new(),
        CancellationToken::new(),
    ))
    .await
}

#[tokio::test]
async fn requests_are_forwarded_to_their_services() {
    let upstreams = upstreams(
        &serve(named("commands")).await,
        &serve(named("operations")).await,
        &serve(named("reads")).await,
    );
    let gateway = serve(router(upstreams, String::new(), CancellationToken::new())).await;
    let cases = [
        (Method::GET, "/operations", "operations"),
        (Method::GET, "/operations/1?at=x%20y", "operations"),
        (Method::DELETE, "/operations/1", "operations"),
        (Method::GET, "/operationsman", "reads"),
        (Method::POST, "/webhooks", "operations"),
        (
            Method::GET,
            "/webhooks/1/deliveries?state=dead",
            "operations",
        ),
        (Method::POST, "/webhooksman", "commands"),
        (Method::GET, "/", "reads"),
        (Method::HEAD, "/orders/1", "reads"),
        (Method::GET, "/products/AB%2F1%20%C3%A9%25", "reads"),
        (Method::PUT, "/products/AB%2F..%2F1/name", "commands"),
        (Method::GET, "/orders?customer=%C3%A9&limit=2", "reads"),
        (Method::POST, "/orders", "commands"),
        (Method::PUT, "/orders/1", "commands"),
        (Method::PATCH, "/orders/1", "commands"),
        (Method::DELETE, "/orders/1", "commands"),
    ];
    for (method, path, service) in cases {
        let request = Client::new().request(method.clone(), format!("{gateway}{path}"));
        let response = request.send().await.unwrap();
        assert_eq!(
            response.headers()["x-asked"].to_str().unwrap(),
            format!("{service} {method} {path}")
        );
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }
    let request = Client::new().request(Method::OPTIONS, format!("{gateway}/orders"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        response.headers()["allow"],
        "GET, HEAD, POST, PUT, PATCH, DELETE"
    );
}

#[tokio::test]
async fn headers_pass_in_both_directions_except_hop_by_hop_headers() {
    let gateway = before(&serve(named("any")).await).await;
    let passed = [
        ("location", "/operations/1?at=x"),
        ("x-operation", "operations/1"),
        ("x-resource", "orders/1"),
        ("etag", "\"tag\""),
        ("factline-position", "1abc"),
        ("prefer", "wait=5"),
        ("idempotency-key", "key"),
        ("retry-after", "1"),
        ("if-none-match", "W/\"tag\", \"other\""),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in passed {
        headers.insert(name, value.parse().unwrap());
    }
    headers.insert("connection", "x-private".parse().unwrap());
    headers.insert("x-private", "secret".parse().unwrap());
    headers.insert("te", "gzip".parse().unwrap());
    let request = Client::new().post(format!("{gateway}/orders"));
    let response = request.headers(headers).send().await.unwrap();
    let echoed = response.headers();
    for (name, value) in passed {
        assert_eq!(echoed[name], value, "{name}");
    }
    for name in ["connection", "x-private", "te"] {
        assert!(!echoed.contains_key(name), "{name}");
    }
    assert_eq!(response.text().await.unwrap(), "body");
}

#[tokio::test]
async fn bodies_are_streamed() {
    // The service returns each piece as soon as it has it. Without streaming, neither side would
    // see a piece of the other.
    let echo = |request: Request| async { request.into_body() };
    let gateway = before(&serve(Router::new().route("/echo", post(echo))).await).await;
    let host = gateway.strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(host).await.unwrap();
    let head = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    for (piece, word) in [("3\r\none\r\n", "one"), ("3\r\ntwo\r\n", "two")] {
        client.write_all(piece.as_bytes()).await.unwrap();
        read_to(&mut client, word).await;
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    read_to(&mut client, "0\r\n\r\n").await;
}

/// Reads until the text has arrived.
async fn read_to(client: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        assert_ne!(
            client.read_buf(&mut read).await.unwrap(),
            0,
            "ended before {text}"
        );
    }
}

async fn problem(method: Method, url: String) -> Value {
    let response = Client::new().request(method, url).send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    body
}

#[tokio::test]
async fn unavailable_service_is_503() {
    let (listener, address) = listener().await;
    drop(listener);
    let gateway = before(&format!("http://{address}")).await;
    let read = problem(Method::GET, format!("{gateway}/orders")).await;
    assert_eq!(read["status"], 503);
    assert_eq!(read["detail"], "read-api cannot be reached");
    let write = problem(Method::POST, format!("{gateway}/orders")).await;
    assert_eq!(write["status"], 503);
    assert_eq!(write["outcome"], "not_accepted");
}

#[tokio::test]
async fn service_that_closes_the_connection_is_502() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
        }
    });
    let gateway = before(&format!("http://{address}")).await;
    let write = problem(Method::POST, format!("{gateway}/orders")).await;
    assert_eq!(write["status"], 502);
    assert_eq!(write["outcome"], "unknown");
    let read = problem(Method::GET, format!("{gateway}/operations/1")).await;
    assert_eq!(
        read["detail"],
        "the connection to operations-tracker broke before it answered"
    );
}

#[tokio::test]
async fn service_that_does_not_respond_is_504() {
    let silent = || std::future::pending::<()>();
    let gateway = before(&serve(Router::new().fallback(any(silent))).await).await;
    let write = problem(Method::POST, format!("{gateway}/orders")).await;
    assert_eq!(write["status"], 504);
    assert_eq!(write["outcome"], "unknown");
}

#[tokio::test]
async fn gateway_detects_a_loop_to_itself() {
    let (listener, address) = listener().await;
    let own = format!("http://{address}");
    let router = router(
        upstreams(&own, &own, &own),
        String::new(),
        CancellationToken::new(),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let read = problem(Method::GET, format!("{own}/orders")).await;
    assert_eq!(read["status"], 508);
}

#[tokio::test]
async fn large_body_is_forwarded_completely() {
    let length = |body: Bytes| async move { body.len().to_string() };
    let service = Router::new()
        .route("/orders", post(length))
        .layer(DefaultBodyLimit::disable());
    let gateway = before(&serve(service).await).await;
    let request = Client::new()
        .post(format!("{gateway}/orders"))
        .body(vec![b'x'; 3_000_000]);
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "3000000");
}

#[tokio::test]
async fn gateway_passes_on_readiness_reasons() {
    let not_ready = || async {
        let body = r#"{"ready": false, "reasons": ["kafka: unavailable", "registry: starting"]}"#;
        (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
    };
    let ready = serve(Router::new().route("/health/ready", get(|| async {}))).await;
    let not_ready = serve(Router::new().route("/health/ready", get(not_ready))).await;
    let (listener, unavailable) = listener().await;
    drop(listener);
    let upstreams = upstreams(&ready, &not_ready, &format!("http://{unavailable}"));
    assert_eq!(readiness::readiness(&upstreams.command_api).await, Ok(()));
    assert_eq!(
        readiness::readiness(&upstreams.operations_tracker).await,
        Err("kafka: unavailable; registry: starting".to_owned())
    );
    let reason = readiness::readiness(&upstreams.read_api).await.unwrap_err();
    assert!(reason.contains("refused"), "{reason}");
}
