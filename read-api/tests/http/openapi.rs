//! The OpenAPI document of the service.

use factline_http::openapi::testing;
use reqwest::StatusCode;
use serde_json::json;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn document_is_served_and_valid() {
    let stage = Stage::set().await;
    let document = stage.get("/openapi.json").await;
    assert_eq!(document.status, StatusCode::OK);
    assert_eq!(testing::faults(&document.body), Vec::<String>::new());
    let paths: Vec<_> = document.body["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/checkouts/{id}",
            "/customers",
            "/customers/{id}/spending",
            "/orders",
            "/orders/{id}",
            "/payments/{id}",
            "/products",
            "/products/{id}",
            "/products/{id}/prices",
            "/schedules",
            "/schedules/{id}",
        ]
    );
    let filter = &document.body["paths"]["/orders"]["get"]["parameters"][2];
    assert_eq!(
        filter["schema"]["enum"],
        json!(["placed", "confirmed", "shipped", "cancelled", "recorded"])
    );
}
