//! A workflow over three aggregates and a provider, while all of them are killed: the money is where the orders are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factline_client::Client;
use harness::{Log, System, eventually};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kills::kill_in_turn;

/// How many checkouts.
const CHECKOUTS: usize = 120;

/// How long each waits before it begins: so that kills fall into all of them.
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

/// Every process of the workflow is killed in turn, at random moments, as long as checkouts are under way. Each of them
/// ends once, and what the provider keeps is what the confirmed orders cost.
#[tokio::test(flavor = "multi_thread")]
async fn money_follows_the_orders_while_everything_is_killed_in_turn() {
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
    ));
    let client = Client::new(&system.url(), Duration::from_mins(3)).unwrap();
    let mut checkouts = JoinSet::new();
    for number in 0..CHECKOUTS {
        let (client, mut random) = (client.clone(), rand::rng());
        let method = METHODS[number % METHODS.len()];
        let amount: i64 = random.random_range(1..10_000);
        let pause = SPREAD.mul_f64(random.random_range(0.0..1.0));
        checkouts.spawn(async move {
            // No condition to await: the load has to last.
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

    let url = format!("{}/totals", system.address("payment-simulator"));
    eventually(
        "the provider keeps what the confirmed orders cost",
        async || {
            let totals: Value = reqwest::get(&url).await?.json().await?;
            let of = |what: &str| totals[what]["EUR"].as_i64().unwrap_or_default();
            Ok(totals["open"] == 0 && of("captured") - of("refunded") == confirmed)
        },
    )
    .await
    .unwrap();
    for contract in contracts::ALL {
        eventually("every command has its end", async || {
            Ok(Log::of(&system, contract).check().await.is_ok())
        })
        .await
        .unwrap();
    }
    println!("{kills} kills, {CHECKOUTS} checkouts, {confirmed} cents kept");
}

/// The checkout and its order, once its operation has ended.
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
