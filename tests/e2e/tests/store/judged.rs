//! A run without faults, checked: clients send requests for the same resources at the same time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checker::{Answer, History, Observation, Read, Request, Shown};
use harness::System;
use harness::collect::{judge, status_of};
use harness::quiescence::{behind, until_at_rest, until_followed, until_quiescent};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;

const CLIENTS: u32 = 4;
const COMMANDS: u32 = 25;
const PATIENCE: Duration = Duration::from_mins(2);
/// Patience with a reader that is down.
const SHORT: Duration = Duration::from_secs(2);

/// One client, which records its requests in the common history.
struct Client {
    number: u32,
    url: String,
    begun: Instant,
    http: reqwest::Client,
    history: Arc<Mutex<History>>,
    random: StdRng,
}

impl Client {
    /// Sends a request about one of a few orders and products, or a new checkout.
    async fn ask(&mut self) {
        let id = Uuid::from_u128(0x1000 + self.random.random_range(0..6_u128)).to_string();
        let price = json!({"amount": self.random.random_range(1..900), "currency": "EUR"});
        let lines =
            json!([{"product_id": "tea", "name": "Tea", "quantity": 1, "unit_price": price}]);
        let (aggregate, id, path, body) = match self.random.random_range(0..6) {
            0 | 1 => {
                let body = json!({"order_id": id, "customer_id": "ada", "lines": lines});
                ("ordering.order", Some(id), "/orders".to_owned(), body)
            }
            2 => {
                let path = format!("/orders/{id}/cancel");
                (
                    "ordering.order",
                    Some(id),
                    path,
                    json!({"reason": "no more"}),
                )
            }
            3 => {
                let path = format!("/orders/{id}/ship");
                ("ordering.order", Some(id), path, json!({}))
            }
            4 => {
                let body =
                    json!({"product_id": id, "name": "Tea", "brand": "Leaf", "price": price});
                ("catalog.product", Some(id), "/products".to_owned(), body)
            }
            _ => {
                let methods = ["card-ok", "card-declined", "card-silent"];
                let method = methods[self.random.random_range(0..methods.len())];
                let body = json!({"customer_id": "ada", "method": method, "payment_seconds": 2, "lines": lines});
                ("checkout.checkout", None, "/checkouts".to_owned(), body)
            }
        };
        let key = self
            .random
            .random_bool(0.2)
            .then(|| format!("key-{}", self.random.random_range(0..3)));
        let start = self.begun.elapsed();
        let mut request = self.http.post(format!("{}{path}", self.url)).json(&body);
        if let Some(key) = &key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        let (status, end) = (response.status().as_u16(), self.begun.elapsed());
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let accepted = (status == 202).then(|| {
            let operation = header("x-operation").unwrap();
            (
                header("location").unwrap(),
                operation.rsplit_once('/').unwrap().1.parse().unwrap(),
            )
        });
        let answer =
            accepted
                .as_ref()
                .map_or(Answer::Refused { status, code: None }, |(_, operation)| {
                    Answer::Accepted {
                        operation: *operation,
                    }
                });
        self.history.lock().unwrap().requests.push(Request {
            client: self.number,
            aggregate: aggregate.to_owned(),
            id: id.clone(),
            route: format!("POST {path}"),
            body,
            idempotency_key: key,
            expected_version: None,
            start,
            end,
            answer,
        });
        if let Some((location, operation)) = accepted {
            if self.random.random_bool(0.3) {
                self.cancel(&location).await;
            }
            let position = self.follow(&location, operation).await;
            if let Some(id) = id.filter(|_| aggregate == "ordering.order") {
                self.read(&id, position).await;
            }
        }
    }

    /// Asks to cancel an operation. The request is a command in the log, which the checker replays.
    async fn cancel(&self, location: &str) {
        let request = self.http.delete(format!("{}{location}", self.url));
        let status = request.send().await.unwrap().status();
        assert!([202, 409, 503].contains(&status.as_u16()), "{status}");
    }

    /// Follows an operation to its end and records all responses.
    async fn follow(&self, location: &str, operation: Uuid) -> Option<String> {
        let begun = Instant::now();
        loop {
            let answer = self.http.get(format!("{}{location}", self.url));
            let answer = answer.send().await.unwrap();
            assert_ne!(answer.status(), 404, "there is none after a 202");
            assert!(
                begun.elapsed() < PATIENCE,
                "operation {operation} does not end: {answer:?}"
            );
            // A response that reports that the tracker cannot answer yet is not an observation.
            if !answer.status().is_success() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            let status = status_of(&answer.json().await.unwrap()).unwrap();
            self.history.lock().unwrap().observations.push(Observation {
                client: self.number,
                operation,
                at: self.begun.elapsed(),
                status: status.clone(),
            });
            if status.state.is_terminal() {
                return status.position;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads an order at this position or later.
    async fn read(&self, id: &str, position: Option<String>) {
        let start = self.begun.elapsed();
        let mut request = self.http.get(format!("{}/orders/{id}", self.url));
        if let Some(position) = &position {
            request = request.header("factline-position", position);
        }
        let response = request.send().await.unwrap();
        let answer = match response.status().as_u16() {
            200 => Shown::Row(response.json::<Value>().await.unwrap()),
            404 => Shown::Missing,
            _ => Shown::Unknown,
        };
        self.history.lock().unwrap().reads.push(Read {
            client: self.number,
            aggregate: "ordering.order".to_owned(),
            id: id.to_owned(),
            position,
            start,
            end: self.begun.elapsed(),
            answer,
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_without_faults_has_no_violations() {
    let seed = factline_testkit::seed();
    let system = System::start("judged").await.unwrap();
    let (history, begun) = (Arc::new(Mutex::new(History::default())), Instant::now());
    let clients = (0..CLIENTS).map(|number| {
        let mut client = Client {
            number,
            url: system.url(),
            begun,
            http: reqwest::Client::new(),
            history: Arc::clone(&history),
            random: StdRng::seed_from_u64(seed.wrapping_add(u64::from(number))),
        };
        tokio::spawn(async move {
            for _ in 0..COMMANDS {
                client.ask().await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let known = history.lock().unwrap().clone();
    let history = judge(&system, &known).await.unwrap();
    let count = |of: fn(&checker::Records) -> usize| history.logs.values().map(of).sum::<usize>();
    println!(
        "{} requests, {} reads, {} commands ({} cancels), {} events: no violations",
        history.requests.len(),
        history.reads.len(),
        count(|log| log.commands.len()),
        count(|log| {
            let cancels = log.commands.iter().filter_map(|one| one.envelope.as_ref());
            cancels.filter(|one| one.cancels.is_some()).count()
        }),
        count(|log| log.events.len()),
    );
}

/// Returns the readers with unread records, by name.
async fn readers_behind(system: &System) -> Vec<String> {
    let behind = behind(system).await.unwrap().into_iter();
    let readers: BTreeSet<String> = behind.map(|behind| behind.reader).collect();
    readers.into_iter().collect()
}

/// A run that does not become quiescent is not judged, and the error names what is behind.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_are_behind_are_named() {
    let system = System::start("behind").await.unwrap();
    let store = crate::client::Client::of(&system);
    until_quiescent(&system, PATIENCE).await.unwrap();

    system.kill("projectors").unwrap();
    let order = json!({"customer_id": "ada", "lines": [{"product_id": "tea", "name": "Tea",
        "quantity": 1, "unit_price": {"amount": 1, "currency": "EUR"}}]});
    store.complete("/orders", &order).await;
    until_at_rest(&system, PATIENCE).await.unwrap();
    let late = until_followed(&system, SHORT).await.unwrap_err();
    assert!(format!("{late:#}").contains("orders v2"), "{late:#}");
    assert_eq!(
        readers_behind(&system).await,
        ["customer-spending v2", "orders v2"]
    );

    system.kill("command-handlers").unwrap();
    store.post("/orders", &order).await;
    let open = until_at_rest(&system, SHORT).await;
    assert!(open.is_err(), "a command has no outcome");
    let handler = format!("{}handler.ordering.order", system.prefix);
    assert!(readers_behind(&system).await.contains(&handler));

    system.spawn("projectors").unwrap();
    system.spawn("command-handlers").unwrap();
    until_quiescent(&system, PATIENCE).await.unwrap();
}
