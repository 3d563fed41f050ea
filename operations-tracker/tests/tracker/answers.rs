//! Responses to clients, above all that no 404 follows a 202.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use factline::Outcome;
use factline::outcome::State;
use factline_tracker::observation::RecordId;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::system::{LONG, System, outcome_of};

fn with_hint(operation: Uuid, record_id: &RecordId) -> String {
    let record_id = format!(
        "{}/{}@{}",
        record_id.topic, record_id.partition, record_id.offset
    );
    format!(
        "/operations/{operation}?at={}",
        URL_SAFE_NO_PAD.encode(record_id)
    )
}

fn without_hint(operation: Uuid) -> String {
    format!("/operations/{operation}")
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_command_is_never_404() {
    let system = std::sync::Arc::new(System::start(LONG).await);
    let following = system.follow();
    let mut clients = Vec::new();
    for number in 0..200_i32 {
        let system = std::sync::Arc::clone(&system);
        clients.push(tokio::spawn(async move {
            let operation = Uuid::now_v7();
            let record_id = system.command(operation, number % 8).await;
            let path = if number % 2 == 0 {
                without_hint(operation)
            } else {
                with_hint(operation, &record_id)
            };
            let response = system.get(&path).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(json_of(response).await["state"], "pending");
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    following.stop().await;
}

#[tokio::test]
async fn unknown_operation_is_404_once_the_tracker_has_caught_up() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let first = Uuid::now_v7();
    let record_id = system.command(first, 3).await;
    for path in [
        without_hint(Uuid::now_v7()),
        with_hint(Uuid::now_v7(), &record_id),
    ] {
        let response = system.get(&path).await;
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
    following.stop().await;
}

#[tokio::test]
async fn operation_on_a_lagging_partition_is_503_without_affecting_other_partitions() {
    let system = System::start(Duration::from_millis(700)).await;
    let (known, unknown) = (Uuid::now_v7(), Uuid::now_v7());
    let known_place = system.command(known, 0).await;
    let following = system.follow();
    assert_eq!(
        eventually(&system, &without_hint(known), 200).await,
        "pending"
    );
    following.stop().await;

    let unknown_place = system.command(unknown, 1).await;
    for path in [without_hint(unknown), with_hint(unknown, &unknown_place)] {
        let response = system.get(&path).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
    // The hint names a partition that the tracker has read to that offset.
    let path = with_hint(Uuid::now_v7(), &known_place);
    assert_eq!(system.get(&path).await.status(), 404);
}

/// Requests until the status is as expected. Returns the state.
async fn eventually(system: &System, path: &str, status: u16) -> Value {
    let ask = async {
        loop {
            let response = system.get(path).await;
            if response.status() == status {
                return json_of(response).await["state"].clone();
            }
            assert_eq!(response.status(), 503, "neither known nor unknown");
        }
    };
    tokio::time::timeout(LONG, ask).await.unwrap()
}

#[tokio::test]
async fn waiting_request_is_woken_by_a_commit() {
    let system = std::sync::Arc::new(System::start(LONG).await);
    let operation = Uuid::now_v7();
    system.command(operation, 5).await;
    let asked = {
        let system = std::sync::Arc::clone(&system);
        tokio::spawn(async move { system.get(&without_hint(operation)).await.status() })
    };
    // The follower starts before or after the request begins to wait. Both must work.
    let following = system.follow();
    assert_eq!(asked.await.unwrap(), 200);
    following.stop().await;
}

#[tokio::test]
async fn operation_is_shown_from_pending_to_completed() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 2).await;

    let pending = system.get(&without_hint(operation)).await;
    assert_eq!(pending.status(), 200);
    // It has been open for years.
    assert_eq!(pending.headers()[RETRY_AFTER], "30");
    assert_eq!(pending.headers()[CACHE_CONTROL], "no-cache");
    let resource = format!("orders/{}", Uuid::from_u128(17));
    assert_eq!(pending.headers()["x-resource"], resource.as_str());
    let tag = pending.headers()[ETAG].clone();
    let shown = json_of(pending).await;
    let updated_at = shown["updated_at"].clone();
    assert_eq!(
        shown,
        json!({
            "id": operation, "kind": "command", "name": "ordering.ShipOrder", "state": "pending", "success": null,
            "code": null, "reason": null, "resource": resource, "user_id": "anonymous",
            "version": null, "position": null, "parent": null, "root": null, "retry_of": null, "attempt": 1,
            "created_at": "2023-11-14T22:13:20.123456Z", "updated_at": updated_at,
            // The envelope says that it was accepted long ago.
            "expires_at": null, "overdue": true,
            "history": [{
                "state": "pending", "at": updated_at, "record": "ordering.order.commands/2@0",
                "code": null, "reason": null,
            }],
            "children": [],
        })
    );
    let client = reqwest::Client::new();
    let ask_again = || {
        let url = system.at(&without_hint(operation));
        client.get(url).header(IF_NONE_MATCH, tag.clone()).send()
    };
    let unchanged = ask_again().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.headers()[RETRY_AFTER], "30");

    let end = Outcome {
        version: Some(2),
        position: Some("1abc".to_owned()),
        ..outcome_of(operation, State::Completed)
    };
    system.outcome(&end, 2).await;
    let changed = tokio::time::timeout(LONG, async {
        loop {
            let response = ask_again().await.unwrap();
            if response.status() == 200 {
                return response;
            }
        }
    });
    let ended = changed.await.unwrap();
    assert!(ended.headers().get(RETRY_AFTER).is_none());
    let shown = json_of(ended).await;
    for (field, value) in [
        ("state", json!("completed")),
        ("success", json!(true)),
        ("version", json!(2)),
        ("position", json!("1abc")),
        ("resource", json!(resource)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    following.stop().await;
}

/// Such an address is from before the log was copied, and no record will arrive there.
#[tokio::test]
async fn address_of_a_topic_that_is_not_followed_waits_for_all_topics() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let foreign = RecordId {
        topic: "foreign.topic".to_owned(),
        partition: 0,
        offset: 17,
    };
    let response = system.get(&with_hint(Uuid::now_v7(), &foreign)).await;
    assert_eq!(response.status(), 404);
    following.stop().await;
}

#[tokio::test]
async fn invalid_requests_are_refused() {
    let system = System::start(LONG).await;
    let id = Uuid::now_v7();
    for (path, parameter) in [
        ("/operations/17", "id"),
        (&format!("/operations/{id}?at=17"), "at"),
    ] {
        let response = system.get(path).await;
        assert_eq!(response.status(), 400, "{path}");
        assert_eq!(json_of(response).await["errors"][0]["parameter"], parameter);
    }
    assert_eq!(
        system
            .get(&format!("/operations/{id}?wait=5"))
            .await
            .status(),
        400
    );
    assert_eq!(system.get("/operations/").await.status(), 404);
    let posted = reqwest::Client::new()
        .post(system.at(&without_hint(id)))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 405);
}

/// No text of a refusal keeps the tracker from recording it, however long or strange it is.
#[tokio::test]
async fn refusal_of_any_text_is_recorded() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let reason = "sold out \0 \u{1f375} '\"\\ ".repeat(5_000);
    let refused = Outcome {
        code: Some("sold_out".to_owned()),
        reason: Some(reason.clone()),
        ..outcome_of(operation, State::Rejected)
    };
    system.outcome(&refused, 1).await;
    let path = without_hint(operation);
    let wait = reqwest::Client::new().get(system.at(&path));
    let wait = wait.header("Prefer", "wait=20").send().await.unwrap();
    let shown = json_of(wait).await;
    assert_eq!(shown["state"], "rejected");
    assert_eq!(shown["reason"], reason.replace('\0', "\u{fffd}"));
    following.stop().await;
}
