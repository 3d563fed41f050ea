//! One payment.

use reqwest::StatusCode;
use serde_json::json;

use crate::stage::Stage;

const TWO: &str = r#"insert into payments
    (payment_id, reference, state, amount, currency, method, code, reason, charges, created_at, updated_at, version)
values
    ('00000000-0000-0000-0000-000000000001', 'checkout 7', 'captured', 750, 'EUR', 'card-ok', null, null,
     '[{"provider_reference": "ch_1", "amount": {"amount": 750, "currency": "EUR"}, "state": "kept"}]',
     '2026-03-01T12:00:00Z', '2026-03-01T12:00:01Z', 2),
    ('00000000-0000-0000-0000-000000000002', 'checkout 8', 'voided', null, null, null, null, 'too late', '[]',
     '2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z', 1)"#;

#[tokio::test(flavor = "multi_thread")]
async fn payment_is_read_by_its_id() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let path = "/payments/00000000-0000-0000-0000-000000000001";
    let captured = stage.get(path).await;
    assert_eq!(captured.status, StatusCode::OK);
    assert_eq!(
        captured.body,
        json!({
            "payment_id": "00000000-0000-0000-0000-000000000001",
            "reference": "checkout 7",
            "state": "captured",
            "amount": {"amount": 750, "currency": "EUR"},
            "method": "card-ok",
            "code": null,
            "reason": null,
            "charges": [{
                "provider_reference": "ch_1",
                "amount": {"amount": 750, "currency": "EUR"},
                "state": "kept",
                "code": null,
                "reason": null,
            }],
            "created_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-01T12:00:01Z",
            "version": 2,
        })
    );

    let voided = stage
        .get("/payments/00000000-0000-0000-0000-000000000002")
        .await;
    assert_eq!(voided.body["amount"], json!(null));
    assert_eq!(voided.body["charges"], json!([]));
    let none = stage.get("/payments/seven").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.body["detail"], "there is no payment seven");
}
