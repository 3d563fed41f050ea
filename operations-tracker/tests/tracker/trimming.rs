//! Commands are deleted when the handlers and the tracker have passed them, and all else still
//! works.

use chrono::{TimeDelta, Utc};
use factline::outcome::State;
use factline_tracker::store;
use factline_tracker::trimming::round;
use ordering_schemas::ORDER;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use uuid::Uuid;

use crate::system::{CONTRACTS, LONG, System, database, outcome_of};

const PARTITION: i32 = 3;

async fn trim(system: &System) -> u64 {
    let soon = Utc::now() + TimeDelta::minutes(1);
    round(&system.kafka, &system.pool, CONTRACTS, soon)
        .await
        .unwrap()
}

fn consumer(system: &System, group: &str) -> BaseConsumer {
    let mut config = system.kafka.client_config();
    config.set("group.id", group).create().unwrap()
}

/// Returns the first offset of the partition.
fn begins(system: &System) -> i64 {
    let topics = system.kafka.topics(&ORDER);
    let log = consumer(system, "none").fetch_watermarks(topics.commands(), PARTITION, LONG);
    log.unwrap().0
}

/// Commits an offset for the handlers.
fn handled(system: &System, offset: i64) {
    let topics = system.kafka.topics(&ORDER);
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(topics.commands(), PARTITION, Offset::Offset(offset))
        .unwrap();
    let group = consumer(system, topics.handler_group());
    group.commit(&offsets, CommitMode::Sync).unwrap();
}

async fn state(system: &System, operation: Uuid) -> Value {
    let response = system.get(&format!("/operations/{operation}")).await;
    assert_eq!(response.status(), 200, "{operation}");
    let shown: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    shown["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn trimming_deletes_passed_commands_and_the_tracker_continues() {
    let mut system = System::start(LONG).await;
    let operations = [(); 5].map(|()| Uuid::now_v7());
    for operation in operations {
        system.command(operation, PARTITION).await;
    }
    handled(&system, 4);
    assert_eq!(trim(&system).await, 0, "the tracker has read nothing");
    let following = system.follow();
    for operation in operations {
        assert_eq!(state(&system, operation).await, "pending");
    }
    assert_eq!(
        trim(&system).await,
        4,
        "the handler has not passed the fifth"
    );
    assert_eq!((trim(&system).await, begins(&system)), (0, 4));

    // After the first offset has moved, known operations, unknown operations and new commands give
    // the same responses as before.
    following.stop().await;
    let mut following = system.follow();
    let ready = following.condition.wait_for(Result::is_ok);
    tokio::time::timeout(LONG, ready).await.unwrap().unwrap();
    assert_eq!(state(&system, operations[0]).await, "pending");
    let unknown = format!("/operations/{}", Uuid::now_v7());
    assert_eq!(system.get(&unknown).await.status(), 404);
    let late = Uuid::now_v7();
    system.command(late, PARTITION).await;
    assert_eq!(state(&system, late).await, "pending");
    handled(&system, 6);
    assert_eq!((trim(&system).await, begins(&system)), (2, 6));
    following.stop().await;

    // A tracker that has lost its database learns from outcomes what it can. It keeps commands
    // until it has read them.
    let end = outcome_of(operations[0], State::Completed);
    system.outcome(&end, PARTITION).await;
    system.pool = database().await;
    system.command(Uuid::now_v7(), PARTITION).await;
    handled(&system, 7);
    assert_eq!(trim(&system).await, 0, "a new tracker has read nothing");
    let mut following = system.follow();
    let ready = following.condition.wait_for(Result::is_ok);
    tokio::time::timeout(LONG, ready).await.unwrap().unwrap();
    let learned = async {
        while trim(&system).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, learned).await.unwrap();
    assert_eq!(begins(&system), 7);
    let learned = async {
        loop {
            let found = store::find(&system.pool, operations[0]).await.unwrap();
            if let Some(found) = found {
                return found.operation.state;
            }
        }
    };
    let learned = tokio::time::timeout(LONG, learned).await.unwrap();
    assert_eq!(learned, "completed");
    following.stop().await;
}
