//! Undecodable records: a command never halts the tracker, and an outcome halts only its partition.

use factline::Outcome;
use factline::id;
use factline::outcome::State;
use factline_tracker::observation::RecordId;
use factline_tracker::store::{self, Operation};
use serde_json::Value;
use uuid::Uuid;

use crate::system::{Headers, LONG, System, command_headers, outcome_of};

async fn state(system: &System, operation: Uuid) -> Value {
    let response = system.get(&format!("/operations/{operation}")).await;
    assert_eq!(response.status(), 200, "{operation}");
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    body["state"].clone()
}

fn replaced(name: &'static str, value: &[u8], operation: Uuid) -> Headers {
    let mut headers = command_headers(operation);
    headers.retain(|header| header.0 != name);
    headers.push((name, value.to_vec()));
    headers
}

fn operation_at(record_id: &RecordId) -> Uuid {
    id::unreadable_command(&record_id.topic, record_id.partition, record_id.offset)
}

#[tokio::test]
async fn undecodable_commands_are_pending_until_their_failed_outcome() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let ids = [
        Uuid::now_v7(),
        Uuid::now_v7(),
        Uuid::now_v7(),
        Uuid::now_v7(),
    ];

    let bare = operation_at(&system.append_command(Headers::new(), None, 4).await);
    let noise: Headers = vec![
        ("ce_id", vec![0xff, 0, 1]),
        ("ce_time", b"yesterday".into()),
    ];
    let noise = operation_at(&system.append_command(noise, Some(&[0, 1, 2]), 4).await);
    let timeless = replaced("ce_time", b"soon", ids[0]);
    system.append_command(timeless, Some(b"x"), 4).await;
    // The header is readable, but the database cannot store its value.
    let zero = replaced("ce_type", b"a\0b", ids[1]);
    system.append_command(zero, Some(b"x"), 4).await;
    let early = replaced("ce_origintime", b"-262000-01-01T00:00:00Z", ids[2]);
    system.append_command(early, Some(b"x"), 4).await;
    system.command(ids[3], 4).await;

    let [timeless, zero, early, good] = ids;
    for operation in [bare, noise, timeless, zero, early, good] {
        assert_eq!(state(&system, operation).await, "pending");
    }
    let row = row(&system, zero).await;
    assert_eq!(row.name, "a\u{fffd}b");

    let failed = Outcome {
        resource: None,
        ..outcome_of(bare, State::Failed)
    };
    system.outcome(&failed, 4).await;
    until(&system, bare, "failed").await;
    assert_eq!(following.condition.borrow().clone(), Ok(()));
    following.stop().await;
}

async fn row(system: &System, operation: Uuid) -> Operation {
    let found = store::find(&system.pool, operation).await.unwrap();
    found.unwrap().operation
}

async fn until(system: &System, operation: Uuid, expected: &str) {
    let reached = async {
        while state(system, operation).await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, reached).await.unwrap();
}

#[tokio::test]
async fn undecodable_outcome_halts_only_its_partition() {
    let system = System::start(LONG).await;
    let mut following = system.follow();
    let (behind, beside) = (Uuid::now_v7(), Uuid::now_v7());
    for (operation, partition) in [(behind, 0), (beside, 1)] {
        system.command(operation, partition).await;
    }
    let poison = system
        .append_outcome(command_headers(Uuid::now_v7()), Some(b"\0\0"), 0)
        .await;
    system
        .outcome(&outcome_of(behind, State::Completed), 0)
        .await;
    system
        .outcome(&outcome_of(beside, State::Completed), 1)
        .await;

    until(&system, beside, "completed").await;
    let partition = format!("{}/0", poison.topic);
    let halted = following
        .condition
        .wait_for(|condition| matches!(condition, Err(why) if why.contains(&partition)));
    tokio::time::timeout(LONG, halted).await.unwrap().unwrap();
    assert_eq!(state(&system, behind).await, "pending");
    following.stop().await;
}
