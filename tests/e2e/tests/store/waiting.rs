//! Clients that wait instead of polling: one request for a whole command, streams over restarts.

use std::time::{Duration, Instant};

use harness::{System, eventually};
use serde_json::{Value, json};

use crate::client::Client;

const WAIT: (&str, &str) = ("Prefer", "wait=20");

async fn post(system: &System, path: &str, body: &Value) -> reqwest::Response {
    let request = reqwest::Client::new()
        .post(format!("{}{path}", system.url()))
        .header(WAIT.0, WAIT.1)
        .json(body);
    request.send().await.unwrap()
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_prefers_to_wait_gets_the_end_of_its_command() {
    let system = System::start("waiting").await.unwrap();
    let product =
        json!({"name": "Tea", "brand": "Leaf", "price": {"amount": 500, "currency": "USD"}});
    let created = post(&system, "/products", &product).await;
    // The body is checked first: a refused one has no operation that could end.
    let invalid = post(&system, "/products", &json!({"name": 7})).await;
    assert_eq!(invalid.status(), 400);
    assert_eq!(created.status(), 200, "{}", created.text().await.unwrap());
    assert_eq!(created.headers()["preference-applied"], WAIT.1);
    assert!(created.headers().get("retry-after").is_none());
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let resource = created.headers()["x-resource"].to_str().unwrap().to_owned();
    let operation = json_of(created).await;
    assert_eq!(operation["state"], "completed");
    assert_eq!(operation["resource"], resource.as_str());
    let states: Vec<&str> = operation["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reached| reached["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["pending", "completed"]);
    assert!(location.contains(operation["id"].as_str().unwrap()));

    // It says where it is visible: in each view of products, sooner or later.
    let client = Client::of(&system);
    let path = format!("{location}&views=true");
    eventually("visible in every view", || async {
        let shown = json_of(client.get(&path, &[]).await).await;
        let visible = shown["visible"].as_object().unwrap();
        assert!(visible.contains_key("products"), "{visible:?}");
        assert!(!visible.contains_key("orders"), "{visible:?}");
        Ok(visible.values().all(|is_visible| *is_visible == true))
    })
    .await
    .unwrap();

    // A refusal by the rules is an end like any other.
    let id = resource.rsplit('/').next().unwrap();
    let other = json!({"product_id": id, "name": "Coffee", "brand": "Leaf", "price": {"amount": 1, "currency": "USD"}});
    let refused = post(&system, "/products", &other).await;
    assert_eq!(refused.status(), 200);
    assert_eq!(json_of(refused).await["state"], "rejected");

    // Without a tracker it is accepted as ever, and the client polls.
    system.kill("operations-tracker").unwrap();
    let accepted = post(&system, "/products", &product).await;
    assert_eq!(accepted.status(), 202);
    assert!(accepted.headers().get("preference-applied").is_none());
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    system.spawn("operations-tracker").unwrap();
    system.ready().await.unwrap();
    let ended = client.get(&location, &[WAIT]).await;
    assert_eq!(json_of(ended).await["state"], "completed");
}

/// A stream through the gateway goes on after a restart of the tracker, and keeps neither it nor
/// the gateway from ending.
#[tokio::test(flavor = "multi_thread")]
async fn stream_goes_on_over_restarts() {
    let system = System::start("streams").await.unwrap();
    let client = Client::of(&system);
    let mut stream = client.get("/operations/events", &[]).await;
    let mut text = String::new();
    while !text.contains("id: ") {
        text.push_str(&next(&mut stream).await.unwrap());
    }
    let product =
        json!({"name": "Tea", "brand": "Leaf", "price": {"amount": 500, "currency": "USD"}});
    let first = post(&system, "/products", &product).await;
    let first = json_of(first).await["id"].as_str().unwrap().to_owned();
    while text.matches(&first).count() < 2 {
        text.push_str(&next(&mut stream).await.unwrap());
    }
    for service in ["operations-tracker", "gateway"] {
        let began = Instant::now();
        system.kill(service).unwrap();
        // The connection breaks with the process.
        while next(&mut stream).await.is_some() {}
        assert!(began.elapsed() < Duration::from_secs(10), "{service}");
        system.spawn(service).unwrap();
        system.ready().await.unwrap();
        let id = last_id(&text).to_owned();
        let (path, headers) = ("/operations/events", [("Last-Event-ID", id.as_str())]);
        eventually("the stream", || async {
            Ok(client.get(path, &headers).await.status() == 200)
        })
        .await
        .unwrap();
        let accepted = post(&system, "/products", &product).await;
        stream = client.get(path, &headers).await;
        let operation = json_of(accepted).await["id"].as_str().unwrap().to_owned();
        while text.matches(&operation).count() < 2 {
            text.push_str(&next(&mut stream).await.unwrap());
        }
    }
    // Each transition came once.
    assert_eq!(
        text.matches("event: operation_pending").count(),
        3,
        "{text}"
    );
    assert_eq!(
        text.matches("event: operation_completed").count(),
        3,
        "{text}"
    );
}

/// Returns the next part of a stream; none if it has ended or broken.
async fn next(stream: &mut reqwest::Response) -> Option<String> {
    let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk());
    let chunk = chunk.await.expect("a stream that goes on").ok()??;
    Some(String::from_utf8(chunk.to_vec()).unwrap())
}

fn last_id(text: &str) -> &str {
    let (_, rest) = text.rsplit_once("id: ").unwrap();
    rest.lines().next().unwrap()
}
