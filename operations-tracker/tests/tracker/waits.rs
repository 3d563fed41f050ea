//! `Prefer: wait=N`: a request waits for the end of an operation, on any instance.

use std::time::{Duration, Instant};

use factline::outcome::State;
use reqwest::header::{ETAG, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::Value;
use uuid::Uuid;

use crate::system::{LONG, System, outcome_of};

/// A time that no test waits for in full.
const WAIT: &str = "wait=25";

async fn ask(url: String, wait: &str, tag: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(url).header("Prefer", wait);
    if let Some(tag) = tag {
        request = request.header(IF_NONE_MATCH, tag);
    }
    request.send().await.unwrap()
}

async fn state(response: reqwest::Response) -> Value {
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    body["state"].clone()
}

/// The end is written once every request waits, so each of them is woken by it.
#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_the_end_on_every_instance() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let path = format!("/operations/{operation}");
    assert_eq!(state(system.get(&path).await).await, "pending");
    let urls = [
        system.at(&path),
        format!("{}{path}", system.another_instance().await),
    ];
    let mut waiting = Vec::new();
    for number in 0..100 {
        waiting.push(tokio::spawn(ask(urls[number % 2].clone(), WAIT, None)));
    }
    // A request that has been answered did not wait.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(waiting.iter().all(|request| !request.is_finished()));
    system
        .outcome(&outcome_of(operation, State::Completed), 1)
        .await;
    for request in waiting {
        let response = request.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["preference-applied"], WAIT);
        assert!(response.headers().get(RETRY_AFTER).is_none());
        assert_eq!(state(response).await, "completed");
    }
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_begins_to_wait_before_its_command_is_read() {
    let system = System::start(LONG).await;
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    system
        .outcome(&outcome_of(operation, State::Rejected), 1)
        .await;
    let waiting = tokio::spawn(ask(
        system.at(&format!("/operations/{operation}")),
        WAIT,
        None,
    ));
    let following = system.follow();
    assert_eq!(state(waiting.await.unwrap()).await, "rejected");
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_gets_the_present_state_when_its_time_is_over() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let url = system.at(&format!("/operations/{operation}"));
    let began = Instant::now();
    let response = ask(url.clone(), "wait=1", None).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["preference-applied"], "wait=1");
    assert!(response.headers().contains_key(RETRY_AFTER));
    let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(state(response).await, "pending");
    // Nothing has changed.
    let response = ask(url.clone(), "wait=1", Some(&tag)).await;
    assert_eq!(response.status(), 304);
    // A client with another representation gets the present one at once.
    let began = Instant::now();
    let response = ask(url, WAIT, Some("\"other\"")).await;
    assert_eq!(response.status(), 200);
    assert!(began.elapsed() < Duration::from_secs(20));
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_with_a_representation_waits_for_another_one() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let url = system.at(&format!("/operations/{operation}"));
    let response = reqwest::get(&url).await.unwrap();
    let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
    let waiting = tokio::spawn(async move { ask(url, WAIT, Some(&tag)).await });
    system
        .outcome(&outcome_of(operation, State::Running), 1)
        .await;
    let response = waiting.await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(state(response).await, "running");
    following.stop().await;
}

/// The plain loop of ten tries a second apart, as it was before requests could wait.
#[tokio::test(flavor = "multi_thread")]
async fn plain_poll_loop_goes_on_working() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let path = format!("/operations/{operation}");
    let mut ended = None;
    for number in 0..10 {
        let response = system.get(&path).await;
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        if body["state"] == "completed" {
            ended = Some(body);
            break;
        }
        if number == 0 {
            let completed = outcome_of(operation, State::Completed);
            system.outcome(&completed, 1).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let ended = ended.expect("ended within ten tries");
    assert_eq!(ended["success"], true);
    assert_eq!(ended["code"], Value::Null);
    following.stop().await;
}
