//! The simulator's process with a client for webhooks: killed, restarted, and sent duplicates.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);

/// A webhook: path, key, body.
type Call = (String, String, Value);

/// A client that receives webhooks, and answers with scripted statuses and then 202.
#[derive(Clone, Default)]
struct Shop {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Shop {
    /// Listens and answers these statuses first.
    async fn open(answers: &[u16]) -> (Self, String) {
        let shop = Self::default();
        shop.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(called).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (shop, url)
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    async fn called(&self, times: usize) -> Vec<Call> {
        let begun = Instant::now();
        while self.calls().len() < times {
            assert!(
                begun.elapsed() < PATIENCE,
                "called back: {:?}",
                self.calls()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.calls()
    }
}

async fn called(State(shop): State<Shop>, request: Request) -> StatusCode {
    let path = request.uri().path().to_owned();
    let key = request.headers()["idempotency-key"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = axum::body::to_bytes(request.into_body(), 10_000)
        .await
        .unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    shop.calls.lock().unwrap().push((path, key, body));
    let answer = shop.answers.lock().unwrap().pop_front().unwrap_or(202);
    StatusCode::from_u16(answer).unwrap()
}

/// The process. It is killed when this value is dropped.
struct Simulator {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Simulator {
    async fn start(folder: &Path, duplicates: u8) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_payment-simulator"))
            .args(["--listen", &address.to_string(), "--delay-ms", "0..5"])
            .args(["--duplicate-percent", &duplicates.to_string()])
            .arg("--data-dir")
            .arg(folder)
            .stderr(Stdio::null())
            .spawn();
        let simulator = Self {
            child: child.unwrap(),
            url: format!("http://{address}"),
            http: reqwest::Client::new(),
        };
        let begun = Instant::now();
        let ready = format!("{}/health/ready", simulator.url);
        while !reqwest::get(&ready)
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            assert!(begun.elapsed() < PATIENCE, "the simulator is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        simulator
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url));
        let answer = request.header("idempotency-key", key).json(body).send();
        let answer = answer.await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn charge(&self, key: &str, body: &Value) -> String {
        let (status, answer) = self.post("/payments", key, body).await;
        assert_eq!(status, 202, "{answer}");
        answer["provider_reference"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        answer.json().await.unwrap()
    }
}

fn payment(id: Uuid, method: &str, callback: &str) -> Value {
    json!({"payment_id": id, "method": method, "callback": callback,
        "amount": {"amount": 450, "currency": "EUR"}})
}

#[tokio::test]
async fn same_key_is_one_charge_with_one_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, url) = Shop::open(&[]).await;
    let simulator = Simulator::start(folder.path(), 0).await;
    let id = Uuid::new_v4();
    let asked = payment(id, "card-ok", &url);
    let reference = simulator.charge("k", &asked).await;
    assert_eq!(simulator.charge("k", &asked).await, reference);
    let other = payment(id, "card-twice", &url);
    let (status, answer) = simulator.post("/payments", "k", &other).await;
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    let expected =
        json!({"provider_reference": reference, "amount": {"amount": 450, "currency": "EUR"}});
    let (path, _, body) = shop.called(1).await.remove(0);
    assert_eq!((path, body), (format!("/payments/{id}/captured"), expected));

    // A declined payment takes no money, and a silent one neither takes money nor sends a webhook.
    simulator
        .charge("s", &payment(Uuid::new_v4(), "card-silent", &url))
        .await;
    let declined = Uuid::new_v4();
    simulator
        .charge("d", &payment(declined, "card-declined", &url))
        .await;
    let (path, _, body) = shop.called(2).await.remove(1);
    assert_eq!(
        (path, body),
        (
            format!("/payments/{declined}/declined"),
            json!({"code": "card_declined"})
        )
    );
    assert_eq!(
        simulator.get("/totals").await["captured"],
        json!({"EUR": 450})
    );
    assert_eq!(shop.calls().len(), 2);
}

#[tokio::test]
async fn webhook_is_retried_until_accepted_and_duplicated() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, url) = Shop::open(&[503, 409, 429, 202, 202]).await;
    let simulator = Simulator::start(folder.path(), 100).await;
    simulator
        .charge("k", &payment(Uuid::new_v4(), "card-twice", &url))
        .await;
    // Three failed attempts and two accepted ones; each of the latter is repeated, because
    // duplicates are configured.
    let calls = shop.called(7).await;
    let keys: Vec<&str> = calls.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(
        keys[..5],
        [keys[0]; 5],
        "all tries of one event have one key"
    );
    assert_eq!(keys[5..], [keys[6]; 2]);
    assert_ne!(keys[0], keys[6], "a duplicated notice is two events");
}

#[tokio::test]
async fn refused_webhook_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, url) = Shop::open(&[404]).await;
    let simulator = Simulator::start(folder.path(), 0).await;
    simulator
        .charge("k", &payment(Uuid::new_v4(), "card-ok", &url))
        .await;
    shop.called(1).await;
    let begun = Instant::now();
    while simulator.get("/totals").await["open"] != 0 {
        assert!(begun.elapsed() < PATIENCE, "the webhook is not dropped");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(shop.calls().len(), 1);
}

#[tokio::test]
async fn keys_money_and_webhooks_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    // No server listens there yet, so no webhook can be delivered.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let simulator = Simulator::start(folder.path(), 0).await;
    let (settled, late) = (Uuid::new_v4(), Uuid::new_v4());
    let asked = payment(settled, "card-ok", &gone);
    let reference = simulator.charge("k", &asked).await;
    simulator
        .charge("l", &payment(late, "card-slow:1500", &gone))
        .await;
    let begun = Instant::now();
    while simulator.get(&format!("/payments/{settled}")).await["captured"] != json!({"EUR": 450}) {
        assert!(begun.elapsed() < PATIENCE, "nothing is captured");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(simulator);

    let shop = Shop::default();
    let address = gone.trim_start_matches("http://");
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let router = Router::new().fallback(called).with_state(shop.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let simulator = Simulator::start(folder.path(), 0).await;
    assert_eq!(
        simulator.charge("k", &asked).await,
        reference,
        "its key is known"
    );
    let mut paths: Vec<String> = shop
        .called(2)
        .await
        .into_iter()
        .map(|call| call.0)
        .collect();
    paths.sort();
    let mut expected = [settled, late].map(|id| format!("/payments/{id}/captured"));
    expected.sort();
    assert_eq!(paths, expected);
    assert_eq!(
        simulator.get("/totals").await["captured"],
        json!({"EUR": 900})
    );
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, url) = Shop::open(&[]).await;
    let simulator = Simulator::start(folder.path(), 0).await;
    let id = Uuid::new_v4();
    let refund = |charge: &str, amount: i64| json!({"payment_id": id, "charge": charge, "callback": url, "amount": {"amount": amount, "currency": "EUR"}});
    let slow = simulator
        .charge("slow", &payment(id, "card-slow:60000", &url))
        .await;
    let charge = simulator.charge("k", &payment(id, "card-ok", &url)).await;
    shop.called(1).await;
    for (key, charge, amount, code) in [
        ("1", slow.as_str(), 1, "not_captured"),
        ("2", "ch_0", 1, "unknown_charge"),
        ("3", &charge, 451, "exceeds_charge"),
        ("4", &charge, -1, "invalid_amount"),
    ] {
        let (status, answer) = simulator
            .post("/refunds", key, &refund(charge, amount))
            .await;
        assert_eq!((status, &answer["code"]), (422, &json!(code)));
    }
    for _ in 0..2 {
        let (status, _) = simulator
            .post("/refunds", "all", &refund(&charge, 450))
            .await;
        assert_eq!(status, 202);
    }
    let (status, answer) = simulator
        .post("/refunds", "more", &refund(&charge, 1))
        .await;
    assert_eq!((status, &answer["code"]), (422, &json!("exceeds_charge")));
    let (path, _, body) = shop.called(2).await.remove(1);
    assert_eq!(
        (path, body),
        (
            format!("/payments/{id}/refunded"),
            json!({"provider_reference": charge})
        )
    );
    let totals = simulator.get("/totals").await;
    assert_eq!(
        (&totals["captured"], &totals["refunded"]),
        (&json!({"EUR": 450}), &json!({"EUR": 450}))
    );
    let charge = simulator
        .charge("n", &payment(id, "card-norefund", &url))
        .await;
    shop.called(3).await;
    let (status, answer) = simulator
        .post("/refunds", "never", &refund(&charge, 450))
        .await;
    assert_eq!((status, &answer["code"]), (422, &json!("card_closed")));
    let (status, _) = simulator
        .post("/payments", "bad", &json!({"payment_id": id}))
        .await;
    assert_eq!(status, 400);
}
