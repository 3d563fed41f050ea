//! `DELETE /operations/{id}`: a record beside the command that it cancels, and an operation of its
//! own.

use std::time::Duration;

use factline::outcome::{OutcomeKind, State};
use factline::{Envelope, Outcome, cancel, id};
use factline_kafka::topics::partition_of;
use ordering_schemas::ORDER;
use reqwest::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::system::{LONG, System, envelope, headers, outcome_of};

fn path(operation: Uuid) -> String {
    format!("/operations/{operation}")
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Appends a command to the partition of its key.
async fn command(system: &System, envelope: &Envelope) {
    let partition = partition_of(envelope.subject.as_bytes(), ORDER.partitions);
    system
        .append_command(headers(envelope), Some(b"not decoded"), partition)
        .await;
}

/// Waits until an operation has a state.
async fn until(system: &System, operation: Uuid, state: State) {
    let asking = async {
        loop {
            let response = system.get(&path(operation)).await;
            if json_of(response).await["state"] == state.as_str() {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, asking).await.unwrap();
}

/// Returns the type of a problem, and its state.
async fn problem(response: reqwest::Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let problem = json_of(response).await;
    let slug = problem["type"].as_str().unwrap().rsplit('/').next();
    (status, slug.unwrap().to_owned(), problem["state"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_is_a_record_beside_its_command() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let asked = envelope(Uuid::now_v7());
    command(&system, &asked).await;

    let response = system.delete(&path(asked.operation)).await;
    assert_eq!(response.status(), 202);
    let own = id::cancel(asked.operation);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-operation"), format!("operations/{own}"));
    let resource = format!("orders/{}", asked.subject);
    assert_eq!(header("x-resource"), resource);
    assert_eq!(header(RETRY_AFTER.as_str()), "1");
    let location = header(LOCATION.as_str());
    assert!(
        location.starts_with(&format!("/operations/{own}?at=")),
        "{location}"
    );
    let expected = json!({
        "operation": {"id": own, "href": format!("/operations/{own}")},
        "resource": {"id": asked.subject, "href": format!("/{resource}")},
    });
    assert_eq!(json_of(response).await, expected);

    let records = system.commands().await;
    let [command, cancel] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert!(cancel.is_cancel());
    assert_eq!(cancel.cancels(), Some(asked.operation));
    assert_eq!(cancel.partition, command.partition);
    assert!(cancel.offset > command.offset);
    assert_eq!(cancel.key.as_deref(), Some(asked.subject.as_bytes()));
    let written = cancel.envelope().unwrap();
    assert_eq!(
        (written.operation, &*written.subject),
        (own, &*asked.subject)
    );
    assert_eq!(
        (&*written.actor, &*written.source),
        ("anonymous", "/operations-tracker")
    );

    // It is an operation like any other.
    let shown = json_of(system.get(&location).await).await;
    assert_eq!(
        (&shown["name"], &shown["state"]),
        (&cancel::SCHEMA.name.into(), &"pending".into())
    );
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_request_is_the_same_operation() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let asked = envelope(Uuid::now_v7());
    command(&system, &asked).await;
    let first = system.delete(&path(asked.operation)).await;
    assert_eq!(first.status(), 202);
    until(&system, id::cancel(asked.operation), State::Pending).await;
    let second = system.delete(&path(asked.operation)).await;
    assert_eq!(second.status(), 202);
    assert_eq!(
        first.headers()["x-operation"],
        second.headers()["x-operation"]
    );
    assert_eq!(system.commands().await.len(), 2);
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_operation_is_too_late_to_cancel() {
    let system = System::start(LONG).await;
    let following = system.follow();
    for state in [State::Completed, State::Rejected, State::Cancelled] {
        let operation = Uuid::now_v7();
        system.command(operation, 0).await;
        system.outcome(&outcome_of(operation, state), 0).await;
        until(&system, operation, state).await;
        let expected = (409, "too-late".to_owned(), state.as_str().into());
        assert_eq!(
            problem(system.delete(&path(operation)).await).await,
            expected
        );
    }
    // A running one can be cancelled.
    let operation = Uuid::now_v7();
    system.command(operation, 0).await;
    system
        .outcome(&outcome_of(operation, State::Running), 0)
        .await;
    until(&system, operation, State::Running).await;
    assert_eq!(system.delete(&path(operation)).await.status(), 202);
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadline_cancel_and_unreadable_command_are_not_cancellable() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let deadline = Uuid::now_v7();
    let running = Outcome {
        kind: OutcomeKind::Deadline,
        ..outcome_of(deadline, State::Running)
    };
    system.outcome(&running, 0).await;
    until(&system, deadline, State::Running).await;
    let cancel = cancel::envelope(Uuid::now_v7(), "/test", "o-1", chrono::Utc::now());
    command(&system, &cancel).await;
    until(&system, cancel.operation, State::Pending).await;
    let unreadable = Uuid::now_v7();
    let id = unreadable.to_string().into_bytes();
    system.append_command(vec![("ce_id", id)], None, 0).await;
    until(&system, unreadable, State::Pending).await;
    for operation in [deadline, cancel.operation, unreadable] {
        let expected = (409, "not-cancellable".to_owned(), Value::Null);
        assert_eq!(
            problem(system.delete(&path(operation)).await).await,
            expected
        );
    }
    assert_eq!(system.commands().await.len(), 2);
    following.stop().await;
}

/// An operation is found like that of `GET`: it is never 404 after its 202.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_operation_is_not_cancelled() {
    let system = System::start(Duration::from_millis(700)).await;
    let asked = envelope(Uuid::now_v7());
    command(&system, &asked).await;
    // Not followed yet, so it is not certain.
    let expected = (503, "unavailable".to_owned(), Value::Null);
    assert_eq!(
        problem(system.delete(&path(asked.operation)).await).await,
        expected
    );
    let following = system.follow();
    until(&system, asked.operation, State::Pending).await;
    let expected = (404, "not-found".to_owned(), Value::Null);
    assert_eq!(
        problem(system.delete(&path(Uuid::now_v7())).await).await,
        expected
    );
    let invalid = (400, "invalid-request".to_owned(), Value::Null);
    assert_eq!(problem(system.delete("/operations/x").await).await, invalid);
    let wrong = format!("{}?at=x", path(asked.operation));
    assert_eq!(problem(system.delete(&wrong).await).await, invalid);
    assert_eq!(system.commands().await.len(), 1);
    let post = reqwest::Client::new().post(system.at(&path(asked.operation)));
    let refused = post.send().await.unwrap();
    assert_eq!(refused.status(), 405);
    let allow = refused.headers()[ALLOW].to_str().unwrap();
    assert!(allow.contains("DELETE"), "{allow}");
    following.stop().await;
}
