//! A running checkout is cancelled through the gateway: its order and its payment end, and the
//! client sees one end.

use std::time::{Duration, Instant};

use harness::System;
use reqwest::Method;
use serde_json::{Value, json};

use crate::checkouts::{checkout, kept_by_the_provider};
use crate::client::Client;

const PATIENCE: Duration = Duration::from_mins(1);

/// Returns whether an operation of this type is below another one.
fn has_below(operation: &Value, name: &str) -> bool {
    let mut children = operation["children"].as_array().into_iter().flatten();
    children.any(|child| child["name"] == name || has_below(child, name))
}

/// Waits until an operation has led to one of this type.
async fn until_led_to(store: &Client, location: &str, name: &str) {
    let begun = Instant::now();
    loop {
        let operation: Value = store.get(location, &[]).await.json().await.unwrap();
        if has_below(&operation, name) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{operation}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_checkout_is_cancelled_and_keeps_nothing() {
    let system = System::start("cancels").await.unwrap();
    let store = Client::of(&system);
    let body = checkout("card-slow:8000", 450, 60);
    let accepted = store.post("/checkouts", &body).await;
    let header = |name: &str| accepted.headers()[name].to_str().unwrap().to_owned();
    let (location, resource) = (header("location"), header("x-resource"));
    // The payment is requested, and not captured yet.
    until_led_to(&store, &location, "payment.AuthorizePayment").await;

    let cancel = store
        .send(Method::DELETE, &location, None, String::new())
        .await;
    assert_eq!(cancel.status(), 202);
    assert_eq!(cancel.headers()["x-resource"], resource.as_str());
    let own = cancel.headers()["location"].to_str().unwrap();
    let request = store.follow(own).await;
    assert_eq!(
        (&request["name"], &request["state"]),
        (&json!("factline.Cancel"), &json!("completed"))
    );

    let ended = store.follow(&location).await;
    assert_eq!(
        (&ended["state"], &ended["code"]),
        (&json!("cancelled"), &json!("checkout_cancelled"))
    );
    let position = ended["position"].as_str().unwrap();
    let headers = [("factline-position", position)];
    let read =
        async |path: &str| -> Value { store.get(path, &headers).await.json().await.unwrap() };
    let shown = read(&format!("/{resource}")).await;
    assert_eq!(
        (&shown["state"], &shown["code"]),
        (&json!("failed"), &json!("checkout_cancelled"))
    );
    let order = read(&format!("/orders/{}", shown["order_id"].as_str().unwrap())).await;
    assert_eq!(order["state"], "cancelled");
    // What the provider captures late, it gives back.
    kept_by_the_provider(&system, 0).await;

    // It has ended, so another request is too late.
    let late = store
        .send(Method::DELETE, &location, None, String::new())
        .await;
    assert_eq!(late.status(), 409);
    let problem: Value = late.json().await.unwrap();
    assert_eq!(problem["state"], "cancelled");
    let wrong = store
        .send(Method::PUT, &location, None, String::new())
        .await;
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()["allow"], "DELETE, GET, HEAD");
}
