//! Tests of the document that the gateway joins from its services.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use clap::Parser as _;
use factline_gateway::{Config, Upstreams, router};
use factline_http::openapi::{Document, serving, testing};
use factline_http::{Problem, fallback};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Returns a document with one operation.
fn document(method: HttpMethod, path: &str, id: &str) -> Value {
    let mut document = Document::new("Part");
    let operation = OperationBuilder::new().operation_id(Some(id));
    let operation = document.problems(operation, &[Problem::unavailable("", 1)]);
    document.operation(method, path, operation);
    document.build()
}

/// Starts a gateway in front of the services at these addresses.
async fn gateway(command_api: &str, tracker: &str, read_api: &str) -> String {
    let config = Config::try_parse_from([
        "gateway",
        "--command-api-url",
        command_api,
        "--operations-tracker-url",
        tracker,
        "--read-api-url",
        read_api,
    ])
    .unwrap();
    serve(router(
        Upstreams::new(&config),
        "People".to_owned(),
        CancellationToken::new(),
    ))
    .await
}

async fn get_document(gateway: &str) -> Response {
    let url = format!("{gateway}/openapi.json");
    Client::new().get(url).send().await.unwrap()
}

#[tokio::test]
async fn documents_of_all_services_are_joined() {
    let gateway = gateway(
        &serve(serving::route(document(HttpMethod::Post, "/people", "add"))).await,
        &serve(serving::route(document(
            HttpMethod::Get,
            "/operations",
            "status",
        )))
        .await,
        &serve(serving::route(document(HttpMethod::Get, "/people", "list"))).await,
    )
    .await;
    let response = get_document(&gateway).await;
    let tag = response.headers()["etag"].clone();
    let document: Value = response.json().await.unwrap();
    assert_eq!(testing::faults(&document), Vec::<String>::new());
    assert_eq!(document["info"]["title"], "People");
    assert_eq!(document["paths"]["/people"]["post"]["operationId"], "add");
    let list = &document["paths"]["/people"]["get"];
    assert_eq!(list["operationId"], "list");
    let responses = list["responses"].as_object().unwrap();
    let statuses: Vec<&String> = responses.keys().collect();
    assert_eq!(statuses, ["429", "502", "503", "504", "508"]);

    let url = format!("{gateway}/openapi.json");
    let again = Client::new().get(url).header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let page = reqwest::get(format!("{gateway}/docs")).await.unwrap();
    assert!(page.text().await.unwrap().contains("swagger-ui"));
}

#[tokio::test]
async fn missing_service_is_named_instead_of_a_partial_document() {
    let part = serve(serving::route(document(HttpMethod::Get, "/people", "list"))).await;
    let without = serve(Router::new()).await;
    let gateway = gateway(&part, &without, "http://127.0.0.1:9").await;
    let response = get_document(&gateway).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let problem: Value = response.json().await.unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("operations-tracker: responded with 404"),
        "{detail}"
    );
    assert!(
        detail.contains("read-api: ") && detail.contains("refused"),
        "{detail}"
    );
    assert!(!detail.contains("command-api"), "{detail}");
}

/// Returns a service with one route, which answers other requests as the kit's services do.
fn service(method: HttpMethod, path: &str, route: MethodRouter) -> Router {
    Router::new()
        .route(path, route)
        .merge(serving::route(document(method, path, path)))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

#[tokio::test]
async fn methods_of_a_path_are_those_of_all_services() {
    let commands = service(HttpMethod::Post, "/people", post(async || "added"));
    let operations = service(HttpMethod::Get, "/operations/{id}", get(async || "done"));
    let reads = service(HttpMethod::Get, "/people/{id}", get(async || "ada"));
    let gateway = gateway(
        &serve(commands).await,
        &serve(operations).await,
        &serve(reads).await,
    )
    .await;
    for (method, path, status, allow) in [
        (Method::GET, "/people", 405, Some("POST")),
        (Method::POST, "/people/1", 405, Some("GET, HEAD")),
        (Method::DELETE, "/operations/1", 405, Some("GET, HEAD")),
        (Method::TRACE, "/people/1", 405, Some("GET, HEAD")),
        (Method::OPTIONS, "/people", 204, Some("POST")),
        (Method::OPTIONS, "/nothing", 404, None),
        (Method::DELETE, "/nothing", 404, None),
        (Method::GET, "/nothing", 404, None),
        (Method::POST, "/openapi.json", 405, Some("GET,HEAD")),
        (Method::GET, "/people/1", 200, None),
    ] {
        let request = Client::new().request(method.clone(), format!("{gateway}{path}"));
        let response = request.send().await.unwrap();
        let headers = response.headers();
        let allowed = headers.get("allow").map(|allow| allow.to_str().unwrap());
        assert_eq!(
            (response.status().as_u16(), allowed),
            (status, allow),
            "{method} {path}"
        );
        let is_problem = headers
            .get("content-type")
            .is_some_and(|found| found == "application/problem+json");
        assert_eq!(is_problem, status >= 400, "{method} {path}");
    }
}

#[tokio::test]
async fn services_that_contradict_each_other_are_a_fault() {
    let one = serve(serving::route(document(HttpMethod::Get, "/people", "list"))).await;
    let other = serve(serving::route(document(HttpMethod::Get, "/people", "all"))).await;
    let gateway = gateway(&one, &other, &one).await;
    let response = get_document(&gateway).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn services_are_asked_once_for_many_requests() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let part = document(HttpMethod::Get, "/people", "list").to_string();
    let answer = move || async move {
        counter.fetch_add(1, Ordering::SeqCst);
        part
    };
    let service = serve(Router::new().route("/openapi.json", get(answer))).await;
    let gateway = gateway(&service, &service, &service).await;
    let requests = (0..20).map(|_| {
        let gateway = gateway.clone();
        tokio::spawn(async move { get_document(&gateway).await.status() })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    // One for each of the three services.
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
