//! Checkouts with payments: the operation stays open until the money is where it belongs, whatever
//! the provider does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::System;
use harness::quiescence::until_quiescent;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Client, Ended};

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn checkout(method: &str, amount: i64, payment_seconds: i64) -> Value {
    json!({"customer_id": "ada", "method": method, "payment_seconds": payment_seconds,
        "lines": [{"product_id": "tea", "name": "Tea", "quantity": 1,
            "unit_price": {"amount": amount, "currency": "EUR"}}]})
}

/// Returns the checkout and its order, as the views have them at the operation's own position.
async fn read(store: &Client, ended: &Ended) -> (Value, Value) {
    let checkout = store.read(&format!("/{}", ended.resource), ended).await;
    let order = format!("/orders/{}", checkout["order_id"].as_str().unwrap());
    let order = store.read(&order, ended).await;
    (checkout, order)
}

fn ends_as(ended: &Ended, state: &str, code: &Value) {
    let operation = &ended.operation;
    assert_eq!(
        (&operation["state"], &operation["code"]),
        (&json!(state), code),
        "{operation}"
    );
}

/// Returns the commands of a workflow's steps with their states.
fn steps(operation: &Value) -> Vec<(&str, &str)> {
    let steps = operation["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            (
                step["command"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect()
}

/// Returns the money that the provider has moved.
async fn totals(system: &System) -> Value {
    let url = format!("{}/totals", system.address("payment-simulator"));
    reqwest::get(&url).await.unwrap().json().await.unwrap()
}

/// Returns the captured money that was not refunded.
fn kept(totals: &Value) -> i64 {
    let of = |what: &str| totals[what]["EUR"].as_i64().unwrap_or_default();
    of("captured") - of("refunded")
}

/// Waits until the provider has no open orders and has refunded every capture that is not kept.
pub(crate) async fn kept_by_the_provider(system: &System, expected: i64) -> Value {
    let begun = Instant::now();
    loop {
        let totals = totals(system).await;
        if totals["open"] == 0 && kept(&totals) == expected {
            return totals;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{expected} should be kept, but: {totals}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkout_ends_with_the_result_of_its_payment() {
    let system = System::start("checkouts").await.unwrap();
    let store = Client::of(&system);

    // The operation stays open for long enough to be observed as running.
    let accepted = store
        .post("/checkouts", &checkout("card-slow:1500", 450, 60))
        .await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let begun = Instant::now();
    loop {
        let operation: Value = store.get(&location, &[]).await.json().await.unwrap();
        if operation["state"] == "running" {
            // The slow provider has not answered yet.
            assert_eq!(
                steps(&operation)[2],
                ("ordering.ConfirmOrder", "remaining"),
                "{operation}"
            );
            break;
        }
        assert!(operation["success"].is_null(), "never running: {operation}");
        assert!(begun.elapsed() < PATIENCE, "never running: {operation}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let paid = store
        .complete("/checkouts", &checkout("card-ok", 450, 60))
        .await;
    ends_as(&paid, "completed", &Value::Null);
    let (state, order) = read(&store, &paid).await;
    assert_eq!(
        (&state["state"], &order["state"]),
        (&json!("completed"), &json!("confirmed"))
    );
    let children = paid.operation["children"].as_array().unwrap();
    let placed = children
        .iter()
        .any(|child| child["name"] == "ordering.PlaceOrder");
    assert!(placed, "{}", paid.operation);
    assert_eq!(
        steps(&paid.operation),
        [
            ("ordering.PlaceOrder", "completed"),
            ("payment.AuthorizePayment", "completed"),
            ("ordering.ConfirmOrder", "completed"),
        ]
    );

    let declined = store
        .complete("/checkouts", &checkout("card-declined", 99, 60))
        .await;
    ends_as(&declined, "rejected", &json!("payment_declined"));
    let (state, order) = read(&store, &declined).await;
    assert_eq!(order["state"], "cancelled");
    assert_eq!(
        steps(&declined.operation)[2],
        ("ordering.ConfirmOrder", "skipped")
    );
    // A repeated webhook of the provider is a separate operation, whose resource is the payment.
    let webhook = format!(
        "/payments/{}/declined",
        state["payment_id"].as_str().unwrap()
    );
    let again = store.complete(&webhook, &json!({"code": "again"})).await;
    ends_as(&again, "completed", &Value::Null);
    let payment = store.read(&format!("/{}", again.resource), &again).await;
    assert_eq!(
        (&payment["state"], &payment["code"], &payment["charges"]),
        (&json!("declined"), &json!("card_declined"), &json!([]))
    );

    let silent = store
        .complete("/checkouts", &checkout("card-silent", 77, 2))
        .await;
    ends_as(&silent, "timed_out", &json!("payment_timed_out"));
    assert_eq!(read(&store, &silent).await.1["state"], "cancelled");

    // The capture comes after the checkout has timed out: it is refunded.
    let late = store
        .complete("/checkouts", &checkout("card-slow:5000", 1000, 1))
        .await;
    ends_as(&late, "timed_out", &json!("payment_timed_out"));
    assert_eq!(read(&store, &late).await.1["state"], "cancelled");
    let begun = Instant::now();
    let totals = loop {
        let totals = kept_by_the_provider(&system, 900).await;
        if totals["refunded"]["EUR"] == 1000 {
            break totals;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is refunded: {totals}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(totals["captured"]["EUR"], 1900);

    // The provider refuses the refund: the payment records that it is owed, and the sender
    // continues.
    let owed = store
        .complete("/checkouts", &checkout("card-norefund:3000", 300, 1))
        .await;
    ends_as(&owed, "timed_out", &json!("payment_timed_out"));
    let (state, _) = read(&store, &owed).await;
    let charge = owed_by(&store, &state).await;
    assert_eq!(
        (&charge["amount"]["amount"], &charge["code"]),
        (&json!(300), &json!("card_closed"))
    );
    kept_by_the_provider(&system, 1200).await;
    system.service_ready("payment-sender").await.unwrap();
}

/// Waits for the charge that the provider refuses to refund, and returns it.
async fn owed_by(store: &Client, checkout: &Value) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(charge) = refused(store, checkout).await {
            return charge;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is owed: {checkout}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the refused charge, if the view has it already.
async fn refused(store: &Client, checkout: &Value) -> Option<Value> {
    let path = format!("/payments/{}", checkout["payment_id"].as_str().unwrap());
    let payment: Value = store.get(&path, &[]).await.json().await.unwrap();
    let charge = &payment["charges"][0];
    (charge["state"] == "refund_refused").then(|| charge.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_money_equals_confirmed_orders() {
    let mut random = factline_testkit::seeded_random();
    let system = System::start("money").await.unwrap();
    let store = Arc::new(Client::of(&system));
    let methods = [
        "card-ok",
        "card-twice",
        "visa",
        "card-declined",
        "card-silent",
        "card-slow:900",
        "card-slow:4000",
        "card-norefund:4000",
    ];
    let chosen: Vec<(&str, i64)> = (0..40)
        .map(|_| {
            let method = methods[random.random_range(0..methods.len())];
            (method, random.random_range(1..10_000))
        })
        .collect();
    eprintln!("checkouts: {chosen:?}");
    let mut checkouts = JoinSet::new();
    for (method, amount) in chosen {
        let store = Arc::clone(&store);
        checkouts.spawn(async move {
            let ended = store
                .complete("/checkouts", &checkout(method, amount, 2))
                .await;
            (method, amount, read(&store, &ended).await)
        });
    }
    let (mut confirmed, mut owed) = (0, 0);
    while let Some(ended) = checkouts.join_next().await {
        let (method, amount, (state, order)) = ended.unwrap();
        match order["state"].as_str() {
            Some("confirmed") => {
                assert_eq!(state["state"], "completed");
                confirmed += amount;
            }
            Some("cancelled") => {
                assert_ne!(state["state"], "completed");
                // Requested and therefore captured, but too late.
                if method == "card-norefund:4000" && !state["total"].is_null() {
                    owed_by(&store, &state).await;
                    owed += amount;
                }
            }
            other => panic!("an order is {other:?}"),
        }
    }
    until_quiescent(&system, PATIENCE).await.unwrap();
    let totals = totals(&system).await;
    assert_eq!(kept(&totals), confirmed + owed, "{totals}");
}
