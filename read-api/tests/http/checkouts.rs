//! One checkout.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::stage::Stage;

const TWO: &str = "insert into checkouts
    (checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, created_at, updated_at,
     version)
values
    ('00000000-0000-0000-0000-000000000001', 'ann', 'failed', '00000000-0000-0000-0000-000000000011',
     '00000000-0000-0000-0000-000000000021', 750, 'EUR', 'payment_declined', 'the payment was declined: no_funds',
     '2026-03-01T12:00:00Z', '2026-03-01T12:00:01Z', 5),
    ('00000000-0000-0000-0000-000000000002', 'bob', 'placing', '00000000-0000-0000-0000-000000000012',
     '00000000-0000-0000-0000-000000000022', null, null, null, null, '2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z', 1)";

#[tokio::test(flavor = "multi_thread")]
async fn checkout_is_read_by_its_id() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let path = "/checkouts/00000000-0000-0000-0000-000000000001";
    let failed = stage.get(path).await;
    assert_eq!(failed.status, StatusCode::OK);
    assert_eq!(
        failed.body,
        json!({
            "checkout_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "ann",
            "state": "failed",
            "order_id": "00000000-0000-0000-0000-000000000011",
            "payment_id": "00000000-0000-0000-0000-000000000021",
            "total": {"amount": 750, "currency": "EUR"},
            "code": "payment_declined",
            "reason": "the payment was declined: no_funds",
            "created_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-01T12:00:01Z",
            "version": 5,
        })
    );
    let mut known = HeaderMap::new();
    known.insert("if-none-match", failed.headers["etag"].clone());
    let again = stage.get_with(path, known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    let begun = stage
        .get("/checkouts/00000000-0000-0000-0000-000000000002")
        .await;
    assert_eq!(begun.body["total"], json!(null));
    assert_eq!(begun.body["code"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_checkout_is_404() {
    let stage = Stage::set().await;
    for id in ["00000000-0000-0000-0000-000000000009", "seven"] {
        let answer = stage.get(&format!("/checkouts/{id}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(
            answer.body["type"],
            "https://factline.dev/problems/not-found"
        );
    }
}
