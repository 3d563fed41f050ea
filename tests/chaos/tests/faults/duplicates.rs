//! One request, sent again and again by many clients under one key, while processes are killed: it
//! is one operation and has one set of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::quiescence::until_quiescent;
use harness::{Log, System};
use ordering_schemas::ORDER;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kills::{PATIENCE, kill_in_turn};

/// Number of clients.
const CLIENTS: usize = 16;

/// Requests of all clients together, unless `FACTLINE_DUPLICATES` says otherwise.
const REQUESTS: usize = 6_000;

/// Requests under one key.
const SAME: usize = 100;

/// Each operation has one outcome and at most one set of events, although each of its requests was
/// sent a hundred times, by all clients, through kills and rebalances. Most repetitions are
/// answered by an edge that knows the first one. The killed edges do not, so the handlers see many.
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_of_many_clients_are_one_operation_while_processes_are_killed() {
    let wanted = std::env::var("FACTLINE_DUPLICATES").ok();
    let requests = wanted.map_or(REQUESTS, |number| number.parse().unwrap());
    let keys = requests / SAME;
    let mut random = factline_testkit::seeded_random();
    let system = Arc::new(System::start_alone("duplicates").await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let chaos = tokio::spawn(kill_in_turn(
        Arc::clone(&system),
        Arc::clone(&done),
        &["command-api", "command-handlers", "gateway"],
        StdRng::seed_from_u64(random.random()),
    ));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (url, http) = (system.url(), reqwest::Client::new());
        let mut random = StdRng::seed_from_u64(random.random());
        clients.spawn(async move {
            let mut operations = BTreeMap::<usize, BTreeSet<String>>::new();
            for _ in (client..requests).step_by(CLIENTS) {
                let key = random.random_range(0..keys);
                let operation = send(&http, &url, key).await;
                operations.entry(key).or_default().extend(operation);
            }
            operations
        });
    }
    let mut operations = BTreeMap::<usize, BTreeSet<String>>::new();
    while let Some(of_client) = clients.join_next().await {
        for (key, of_key) in of_client.unwrap() {
            operations.entry(key).or_default().extend(of_key);
        }
    }
    done.store(true, Ordering::Release);
    let kills = chaos.await.unwrap();
    system.ready().await.unwrap();
    until_quiescent(&system, PATIENCE).await.unwrap();

    assert!(
        operations.values().all(|of_key| of_key.len() <= 1),
        "{operations:?}"
    );
    let accepted: BTreeSet<String> = operations.into_values().flatten().collect();
    let log = Log::of(&system, &ORDER).check().await.unwrap();
    let placed: Vec<String> = log
        .events
        .iter()
        .map(|envelope| format!("operations/{}", envelope.operation))
        .collect();
    let distinct: BTreeSet<String> = placed.iter().cloned().collect();
    assert_eq!(
        placed.len(),
        distinct.len(),
        "an operation placed its order twice"
    );
    assert!(
        accepted.is_subset(&distinct),
        "an accepted order was not placed"
    );
    // A request whose acknowledgement was lost may have been executed, too.
    assert!(distinct.len() <= keys);
    println!(
        "{kills} kills, {requests} requests, {} operations",
        distinct.len()
    );
}

/// Sends the request of a key once. Returns its operation, if it was accepted.
async fn send(http: &reqwest::Client, url: &str, key: usize) -> Option<String> {
    let order = json!({"customer_id": "ada", "lines": [{
        "product_id": format!("p{key}"), "name": "Tea", "quantity": 1,
        "unit_price": {"amount": 100, "currency": "USD"}}]});
    let request = http
        .post(format!("{url}/orders"))
        .header("idempotency-key", format!("duplicate-{key}"))
        .timeout(Duration::from_secs(30))
        .json(&order);
    // The connection breaks when a process is killed.
    let response = request.send().await.ok()?;
    if response.status() == StatusCode::ACCEPTED {
        let operation = response.headers()["x-operation"].to_str().unwrap();
        return Some(operation.to_owned());
    }
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    assert!(status.is_server_error(), "{status}: {problem}");
    None
}
