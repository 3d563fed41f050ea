//! The spending of one customer, and the customers with the highest spending.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::stage::{Stage, field};

const SPENDING: &str = "insert into customer_spending
    (customer_id, currency, orders, units, total)
values
    ('ann', 'USD', 3, 7, 1000), ('ann', 'EUR', 1, 1, 50), ('bob', 'USD', 1, 1, 1000),
    ('eve', 'USD', 0, 0, 0), ('dan', 'USD', 1, 1, 999),
    ('rich', 'JPY', 2, 2, 18446744073709551614)";

#[tokio::test(flavor = "multi_thread")]
async fn spending_of_a_customer_is_listed_by_currency() {
    let stage = Stage::set().await;
    stage.sql(SPENDING).await;
    let ann = stage.get("/customers/ann/spending").await;
    assert_eq!(
        ann.body,
        json!({
            "customer_id": "ann",
            "spending": [
                {"orders": 1, "units": 1, "total": {"amount": 50, "currency": "EUR"}},
                {"orders": 3, "units": 7, "total": {"amount": 1000, "currency": "USD"}},
            ],
        })
    );
    let unknown = stage.get("/customers/zoe/spending").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_sums_are_exact() {
    let stage = Stage::set().await;
    stage.sql(SPENDING).await;
    let url = "/customers/rich/spending";
    let text = stage.get(url).await.body.to_string();
    assert!(text.contains("18446744073709551614"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_depends_on_every_row() {
    let stage = Stage::set().await;
    stage.sql(SPENDING).await;
    let mut known = HeaderMap::new();
    let first = stage.get("/customers/ann/spending").await;
    known.insert("if-none-match", first.headers["etag"].clone());
    let again = stage
        .get_with("/customers/ann/spending", known.clone())
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    stage
        .sql(
            "update customer_spending set total = total + 1 \
             where customer_id = 'ann' and currency = 'USD'",
        )
        .await;
    let changed = stage.get_with("/customers/ann/spending", known).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn top_customers_are_ordered_by_total_and_then_by_id() {
    let stage = Stage::set().await;
    stage.sql(SPENDING).await;
    let path = "/customers?sort=-total&currency=USD";
    let whole = stage.pages(path, 500).await;
    assert_eq!(field(&whole, "customer_id"), ["bob", "ann", "dan", "eve"]);
    assert_eq!(
        whole[1],
        json!({"customer_id": "ann", "orders": 3, "units": 7, "total": {"amount": 1000, "currency": "USD"}})
    );
    for limit in [1, 2, 3] {
        assert_eq!(stage.pages(path, limit).await, whole, "by {limit}");
    }
    assert_eq!(
        stage.get("/customers?currency=CHF").await.body,
        json!({"items": [], "next": null})
    );
}
