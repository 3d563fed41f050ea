use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::*;
use crate::Problem;

fn guests() -> Value {
    let mut document = Document::new("Guests");
    document.tag("guests", "Guests.");
    let guest = ObjectBuilder::new().schema_type(Type::Object).build();
    let guest = document.schema("Guest", guest);
    let operation = OperationBuilder::new()
        .operation_id(Some("getGuest"))
        .parameter(parameters::path(
            "id",
            "The id.",
            ObjectBuilder::new().schema_type(Type::String),
        ))
        .parameter_ref(document.parameter(parameters::position()));
    let operation = document.tagged_json(operation, "The guest.", guest);
    let problems = [
        Problem::not_found(""),
        Problem::unavailable("", 1),
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "read-behind",
            "The read model has not caught up yet",
        ),
    ];
    let operation = document.problems(operation, &problems);
    document.operation(HttpMethod::Get, "/guests/{id}", operation);
    document.build()
}

#[test]
fn document_holds_the_components_that_it_uses() {
    let document = guests();
    assert_eq!(testing::faults(&document), Vec::<String>::new());
    let operation = &document["paths"]["/guests/{id}"]["get"];
    let responses = operation["responses"].as_object().unwrap();
    assert_eq!(
        responses.keys().collect::<Vec<_>>(),
        ["200", "304", "404", "503"]
    );
    let components = &document["components"];
    let tag = &components["headers"]["ETag"];
    assert_eq!(
        (&tag["required"], &tag["schema"]["type"]),
        (&json!(true), &json!("string"))
    );
    let late = &components["responses"]["unavailable.read-behind"];
    let schema = &late["content"]["application/problem+json"]["schema"]["allOf"];
    assert_eq!(schema[0]["$ref"], "#/components/schemas/Problem");
    let types = &schema[1]["properties"]["type"]["enum"];
    assert_eq!(
        *types,
        json!([
            "https://factline.dev/problems/unavailable",
            "https://factline.dev/problems/read-behind"
        ])
    );
    // Only one of the two says when to retry.
    assert_eq!(late["headers"]["Retry-After"], Value::Null);
    let not_found = &components["responses"]["not-found"];
    assert_eq!(
        not_found["description"],
        "The resource was not found: [`not-found`](https://factline.dev/problems/not-found)."
    );
}

#[test]
fn problems_match_their_schema() {
    let validator = jsonschema::validator_for(&json!(problems::schema())).unwrap();
    for problem in [
        Problem::invalid_request()
            .field("/a", "is missing")
            .parameter("id", "is not a UUID"),
        Problem::unavailable("no broker", 1)
            .code("kafka")
            .member("outcome", "unknown"),
        Problem::service_failed()
            .member("instance", "urn:uuid:0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67"),
    ] {
        assert!(validator.is_valid(&problem.to_json()), "{problem:?}");
    }
    assert!(!validator.is_valid(&json!({"type": "about:blank"})));
}

async fn get(router: &Router, path: &str, tag: Option<&str>) -> Response {
    let mut request = Request::get(path);
    if let Some(tag) = tag {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn document_is_served_with_its_tag() {
    let router = serving::route(guests());
    let response = get(&router, "/openapi.json", None).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
    let served: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(served, guests());
    let again = get(&router, "/openapi.json", Some(&tag)).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn page_has_all_its_files_on_the_same_origin() {
    let router = serving::router(guests());
    let redirect = get(&router, "/docs", None).await;
    assert!(redirect.status().is_redirection());
    let page = text(get(&router, "/docs/", None).await).await;
    let files: Vec<&str> = page
        .split(['"', '\''])
        .filter(|part| matches!(part.rsplit_once('.'), Some((_, "js" | "css"))))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let file = file.strip_prefix("./").unwrap_or(file);
        let response = get(&router, &format!("/docs/{file}"), None).await;
        assert_eq!(response.status(), StatusCode::OK, "{file}");
    }
    assert!(
        !page.contains("//unpkg") && !page.contains("https://"),
        "{page}"
    );
    let settings = text(get(&router, "/docs/swagger-initializer.js", None).await).await;
    assert!(settings.contains("\"/openapi.json\""), "{settings}");
    // Otherwise the page would send the document's address to a public validator.
    assert!(
        settings.contains("\"validatorUrl\": \"none\""),
        "{settings}"
    );
}
