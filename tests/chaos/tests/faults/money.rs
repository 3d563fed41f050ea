//! A workflow over three aggregates and a provider, while all of them are killed: the provider
//! keeps exactly the money of the confirmed orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factline_client::Client;
use harness::quiescence::until_quiescent;
use harness::{Log, System};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kills::{PATIENCE, kill_in_turn};

/// Number of checkouts.
const CHECKOUTS: usize = 120;

/// Time over which the checkouts start, so that kills affect all of them.
const SPREAD: Duration = Duration::from_secs(20);

const METHODS: [&str; 7] = [
    "card-ok",
    "card-twice",
    "visa",
    "card-declined",
    "card-silent",
    "card-slow:900",
    "card-slow:6000",
];

/// Every process of the workflow is killed in turn, at random moments, while checkouts are in
/// progress. Each checkout ends once, and the provider keeps the total of the confirmed orders.
#[tokio::test(flavor = "multi_thread")]
async fn kept_money_matches_orders_while_every_process_is_killed() {
    let mut random = factline_testkit::seeded_random();
    let system = Arc::new(System::start_alone("money").await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let chaos = tokio::spawn(kill_in_turn(
        Arc::clone(&system),
        Arc::clone(&done),
        &[
            "command-handlers",
            "policies",
            "payment-sender",
            "payment-simulator",
            "operations-tracker",
            "command-api",
            "projectors",
            "gateway",
        ],
        StdRng::seed_from_u64(random.random()),
    ));
    let client = Client::new(&system.url(), Duration::from_mins(3)).unwrap();
    let mut checkouts = JoinSet::new();
    for number in 0..CHECKOUTS {
        let client = client.clone();
        let method = METHODS[number % METHODS.len()];
        let amount: i64 = random.random_range(1..10_000);
        let pause = SPREAD.mul_f64(random.random_range(0.0..1.0));
        checkouts.spawn(async move {
            // There is no condition to await: the load has to last.
            tokio::time::sleep(pause).await;
            (amount, check_out(&client, method, amount).await)
        });
    }
    let mut confirmed = 0;
    while let Some(ended) = checkouts.join_next().await {
        let (amount, (checkout, order)) = ended.unwrap();
        match order["state"].as_str() {
            Some("confirmed") => {
                assert_eq!(checkout["state"], "completed");
                confirmed += amount;
            }
            Some("cancelled") => assert_ne!(checkout["state"], "completed"),
            other => panic!("an order is {other:?}: {checkout}"),
        }
    }
    done.store(true, Ordering::Release);
    let kills = chaos.await.unwrap();
    system.ready().await.unwrap();

    until_quiescent(&system, PATIENCE).await.unwrap();
    let url = format!("{}/totals", system.address("payment-simulator"));
    let totals: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
    let of = |what: &str| totals[what]["EUR"].as_i64().unwrap_or_default();
    assert_eq!(of("captured") - of("refunded"), confirmed, "{totals}");
    for contract in contracts::ALL {
        Log::of(&system, contract).check().await.unwrap();
    }
    println!("{kills} kills, {CHECKOUTS} checkouts, {confirmed} cents kept");
}

/// Returns the checkout and its order, once its operation has ended.
async fn check_out(client: &Client, method: &str, amount: i64) -> (Value, Value) {
    let body = json!({"customer_id": "ada", "method": method, "payment_seconds": 3,
        "lines": [{"product_id": "tea", "name": "Tea", "quantity": 1,
            "unit_price": {"amount": amount, "currency": "EUR"}}]});
    let accepted = client.send("/checkouts", &body).await.unwrap();
    let operation = client.wait(&accepted.location).await.unwrap();
    let position = operation.position.as_deref();
    assert!(position.is_some(), "{operation:?}");
    let checkout: Value = client
        .read(&format!("/{}", accepted.resource), position)
        .await
        .unwrap()
        .unwrap();
    let order = format!("/orders/{}", checkout["order_id"].as_str().unwrap());
    let order = client.read(&order, position).await.unwrap().unwrap();
    (checkout, order)
}
