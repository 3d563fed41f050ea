//! A running checkout is cancelled through the gateway: its order and its payment end, and the client
//! sees one end.

use std::time::{Duration, Instant};

use harness::System;
use reqwest::Method;
use serde_json::{Value, json};

use crate::checkouts::{checkout, kept_by_the_provider};
use crate::client::Client;

const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until an operation has children of these types, and returns it.
async fn until_led_to(store: &Client, location: &str, names: &[&str]) -> Value {
    let begun = Instant::now();
    loop {
        let operation: Value = store.get(location, &[]).await.json().await.unwrap();
        let children = operation["children"].as_array().unwrap();
        let has = |name: &&str| children.iter().any(|child| child["name"] == **name);
        if names.iter().all(has) {
            return operation;
        }
        assert!(begun.elapsed() < PATIENCE, "{operation}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_checkout_is_cancelled_and_keeps_nothing() {
    let system = System::start("cancels").await.unwrap();
    let store = Client::of(&system);
    let body = checkout("card-slow:4000", 450, 60);
    let accepted = store.post("/checkouts", &body).await;
    let header = |name: &str| accepted.headers()[name].to_str().unwrap().to_owned();
    let (location, resource) = (header("location"), header("x-resource"));
    // The payment is requested, and not captured yet.
    until_led_to(&store, &location, &["payment.AuthorizePayment"]).await;

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
