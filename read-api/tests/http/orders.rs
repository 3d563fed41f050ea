//! One order, and lists of them.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::stage::{Stage, field};

const TWO: &str = r#"insert into orders
    (order_id, customer_id, state, lines, units, total_amount, currency, source, ordered_on, ordered_at, updated_at,
     cancel_reason, version)
values
    ('00000000-0000-0000-0000-000000000001', 'ann', 'cancelled',
     '[{"product_id": "cup", "name": "the cup", "unit_price": {"amount": 250, "currency": "EUR"}, "quantity": 3}]',
     3, 750, 'EUR', null, '2026-03-01', '2026-03-01T12:00:00.25Z', '2026-03-02T12:00:00Z', 'too late', 2),
    ('00000000-0000-0000-0000-000000000002', 'bob', 'recorded', '[]',
     1, 2933, 'USD', 'old.csv:7', '1997-01-01', '1997-01-01T00:00:00Z', '2026-03-02T12:00:00Z', null, 1)"#;

/// Thirty orders of three customers in two states, ten of them at the same instant.
const MANY: &str = "insert into orders
    (order_id, customer_id, state, lines, units, total_amount, currency, ordered_on, ordered_at, updated_at, version)
select md5(n::text)::uuid, (array['ann', 'bob', 'eve'])[n % 3 + 1], (array['placed', 'shipped'])[n % 2 + 1], '[]', 1, n,
       'EUR', '2026-03-01', timestamptz '2026-03-01T12:00:00Z' + least(n, 20) * interval '1 second', now(), 1
from generate_series(1, 30) as n";

#[tokio::test(flavor = "multi_thread")]
async fn order_is_read_by_its_id() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let placed = stage
        .get("/orders/00000000-0000-0000-0000-000000000001")
        .await;
    assert_eq!(placed.status, StatusCode::OK);
    assert_eq!(
        placed.body,
        json!({
            "order_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "ann",
            "state": "cancelled",
            "lines": [{
                "product_id": "cup",
                "name": "the cup",
                "unit_price": {"amount": 250, "currency": "EUR"},
                "quantity": 3,
            }],
            "units": 3,
            "total": {"amount": 750, "currency": "EUR"},
            "source": null,
            "ordered_on": "2026-03-01",
            "placed_at": "2026-03-01T12:00:00.250Z",
            "updated_at": "2026-03-02T12:00:00Z",
            "cancel_reason": "too late",
            "version": 2,
        })
    );
    let recorded = stage
        .get("/orders/00000000-0000-0000-0000-000000000002")
        .await;
    assert_eq!(recorded.body["ordered_on"], "1997-01-01");
    assert_eq!(recorded.body["placed_at"], json!(null));
    assert_eq!(recorded.body["source"], "old.csv:7");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_order_is_404() {
    let stage = Stage::set().await;
    for id in ["00000000-0000-0000-0000-000000000009", "seven"] {
        let answer = stage.get(&format!("/orders/{id}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(
            answer.body["type"],
            "https://factline.dev/problems/not-found"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_lists_are_newest_first_and_pages_cover_them_once() {
    let stage = Stage::set().await;
    stage.sql(MANY).await;
    let cases = [
        ("/orders?", 30),
        ("/orders?customer=ann", 10),
        ("/orders?state=shipped", 15),
        ("/orders?customer=bob&state=placed", 5),
        ("/orders?customer=unknown", 0),
    ];
    for (path, count) in cases {
        let whole = stage.pages(path, 500).await;
        assert_eq!(whole.len(), count, "{path}");
        let times = field(&whole, "placed_at");
        assert!(times.is_sorted_by(|one, next| one >= next), "{path}");
        for limit in [1, 4, 5] {
            assert_eq!(stage.pages(path, limit).await, whole, "{path} by {limit}");
        }
    }
    let default = stage.get("/orders").await;
    assert_eq!(default.body["items"].as_array().unwrap().len(), 30);
    // The lines are those of the item only. All else is the same.
    let summary = &default.body["items"][0];
    let id = summary["order_id"].as_str().unwrap();
    let mut order = stage.get(&format!("/orders/{id}")).await.body;
    let lines = order.as_object_mut().unwrap().remove("lines");
    assert!(lines.is_some());
    assert_eq!(order, *summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_response_is_304() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    for path in [
        "/orders/00000000-0000-0000-0000-000000000001",
        "/orders?customer=ann",
    ] {
        let first = stage.get(path).await;
        let mut known = HeaderMap::new();
        known.insert("if-none-match", first.headers["etag"].clone());
        let again = stage.get_with(path, known.clone()).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        stage.sql("update orders set units = units + 1").await;
        let changed = stage.get_with(path, known).await;
        assert_eq!(changed.status, StatusCode::OK);
    }
}
