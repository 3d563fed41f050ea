//! The life of an order: placed, read, shipped, cancelled. Checks each command's status and the
//! views.

use harness::{Log, System};
use serde_json::{Value, json};

use crate::client::Client;

fn line(product: &str, amount: i64, quantity: i64) -> Value {
    json!({"product_id": product, "name": product, "unit_price": {"amount": amount, "currency": "USD"}, "quantity": quantity})
}

#[tokio::test(flavor = "multi_thread")]
async fn order_passes_through_its_life() {
    let system = System::start("life").await.unwrap();
    let store = Client::of(&system);

    let placed = store
        .complete(
            "/orders",
            &json!({"customer_id": "ada", "lines": [line("tea", 500, 2), line("cup", 1299, 1)]}),
        )
        .await;
    let operation = &placed.operation;
    assert_eq!(
        (&operation["state"], &operation["success"]),
        (&json!("completed"), &json!(true))
    );
    assert_eq!(operation["name"], "ordering.PlaceOrder");
    assert_eq!(operation["user_id"], "anonymous");
    assert_eq!(operation["version"], 1);
    assert_eq!(operation["resource"], placed.resource.as_str());

    let resource = format!("/{}", placed.resource);
    let order = store.read(&resource, &placed).await;
    assert_eq!(
        (&order["state"], &order["customer_id"]),
        (&json!("placed"), &json!("ada"))
    );
    assert_eq!(order["total"], json!({"amount": 2299, "currency": "USD"}));
    let spending = store.read("/customers/ada/spending", &placed).await;
    let spent = json!([{"orders": 1, "units": 3, "total": {"amount": 2299, "currency": "USD"}}]);
    assert_eq!(spending["spending"], spent);

    // The same order again has no effect; a different one with the same id is refused.
    let id = placed.resource.rsplit('/').next().unwrap();
    let same = json!({"order_id": id, "customer_id": "ada", "lines": [line("tea", 500, 2), line("cup", 1299, 1)]});
    let again = store.complete("/orders", &same).await;
    assert_eq!(
        (&again.operation["state"], &again.operation["version"]),
        (&json!("completed"), &json!(1))
    );
    let other = json!({"order_id": id, "customer_id": "eve", "lines": [line("tea", 1, 1)]});
    let refused = store.complete("/orders", &other).await;
    assert_eq!(
        (&refused.operation["state"], &refused.operation["success"]),
        (&json!("rejected"), &json!(false))
    );
    assert_eq!(refused.operation["code"], "order_exists");

    let shipped = store
        .complete(&format!("{resource}/ship"), &json!({}))
        .await;
    assert_eq!(shipped.operation["version"], 2);
    assert_eq!(store.read(&resource, &shipped).await["state"], "shipped");
    let late = store
        .complete(
            &format!("{resource}/cancel"),
            &json!({"reason": "changed my mind"}),
        )
        .await;
    assert_eq!(late.operation["state"], "rejected");

    // A second order that is cancelled does not change the sum.
    let second = store
        .complete(
            "/orders",
            &json!({"customer_id": "ada", "lines": [line("hat", 9900, 1)]}),
        )
        .await;
    let cancelled = store
        .complete(
            &format!("/{}/cancel", second.resource),
            &json!({"reason": "too big"}),
        )
        .await;
    assert_eq!(
        store
            .read(&format!("/{}", second.resource), &cancelled)
            .await["state"],
        "cancelled"
    );
    let spending = store.read("/customers/ada/spending", &cancelled).await;
    assert_eq!(spending["spending"], spent);
    let list = store
        .read("/orders?customer=ada&state=cancelled", &cancelled)
        .await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    let history = Log::of(&system, &ordering_schemas::ORDER)
        .check()
        .await
        .unwrap();
    assert_eq!((history.commands.len(), history.events.len()), (7, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn past_order_is_recorded_once() {
    let system = System::start("past").await.unwrap();
    let store = Client::of(&system);
    let past = json!({"customer_id": "00004", "source": "old-shop:17", "ordered_on": "1997-01-01", "quantity": 2,
        "total": {"amount": 2933, "currency": "USD"}});
    let first = store.complete("/past-orders", &past).await;
    let second = store.complete("/past-orders", &past).await;
    assert_eq!(
        first.resource, second.resource,
        "the order's id derives from its source"
    );
    assert_eq!(second.operation["version"], 1);
    let order = store.read(&format!("/{}", first.resource), &second).await;
    assert_eq!(
        (&order["state"], &order["ordered_on"]),
        (&json!("recorded"), &json!("1997-01-01"))
    );

    let path = format!("/{}", first.resource);
    let answer = store.get(&path, &[]).await;
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(
        store.get(&path, &[("if-none-match", &tag)]).await.status(),
        304
    );
}
