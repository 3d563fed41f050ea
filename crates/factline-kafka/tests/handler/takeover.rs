//! Partitions that move: what stays is not interrupted.

use std::time::Duration;

use crate::account::ACCOUNT;
use crate::rig::{PATIENCE, Rig, eventually};
use crate::rules::transactional;
use factline_kafka::topics::partition_of;
use rdkafka::producer::{BaseRecord, Producer as _};

/// An account for each partition.
pub(crate) fn accounts() -> Vec<String> {
    (0..ACCOUNT.partitions)
        .map(|partition| {
            (0..1_000)
                .map(|number| format!("account-{number}"))
                .find(|name| partition_of(name.as_bytes(), ACCOUNT.partitions) == partition)
                .unwrap()
        })
        .collect()
}

/// Somebody's open transaction holds a restore back. The partitions that this worker had before go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_does_not_interrupt_partitions_that_stay() {
    let rig = Rig::new("stay").await;
    let first = rig.start("a").await;
    let second = rig.start("b").await;
    let mut operations = Vec::new();
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;

    let id = format!("{}neighbour", rig.kafka.topic_prefix);
    let neighbour = transactional(&rig, &id, Duration::from_mins(1));
    neighbour.begin_transaction().unwrap();
    for partition in 0..ACCOUNT.partitions {
        let record = BaseRecord::<str, [u8]>::to(rig.topics.events()).partition(partition);
        neighbour.send(record.key("x").payload(b"x")).unwrap();
    }
    eventually("the neighbour's records are in the log", async || {
        neighbour.poll(Duration::from_millis(10));
        neighbour.in_flight_count() == 0
    })
    .await;

    second.stop().await;
    // A static member's partitions stay its own for the session's time.
    eventually("the first is restoring", async || {
        matches!(first.state(), Some(Err(reason)) if reason.starts_with("restoring partitions"))
    })
    .await;
    let mut moved = Vec::new();
    for account in accounts() {
        moved.push(rig.deposit(&account, 2).await);
    }
    let decided = async || {
        let outcomes = rig.outcomes().await;
        let known = |operation| {
            outcomes
                .iter()
                .any(|outcome| outcome.operation_id == operation)
        };
        moved.iter().filter(|operation| known(**operation)).count()
    };
    eventually("partitions that stayed go on", async || {
        decided().await >= 2
    })
    .await;
    assert!(matches!(first.state(), Some(Err(reason)) if reason.starts_with("restoring")));
    assert_eq!(decided().await, 2);

    neighbour.abort_transaction(PATIENCE).unwrap();
    operations.extend(&moved);
    let balances = rig.check(&operations).await;
    assert!(balances.values().all(|balance| *balance == 3));
    assert_eq!(first.state(), Some(Ok(())));
    first.stop().await;
}

/// Several workers in one process share the partitions as several processes would.
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_one_process_share_its_partitions() {
    let mut rig = Rig::new("workers").await;
    rig.options.workers = 3;
    let handler = rig.start("a").await;
    let mut operations = Vec::new();
    for number in 0..300 {
        operations.push(rig.deposit(&format!("account-{}", number % 9), 1).await);
    }
    let balances = rig.check(&operations).await;
    assert_eq!(balances.values().sum::<i64>(), 300);
    eventually("all workers are ready", async || {
        let reports = handler.reports.lock().unwrap();
        reports.len() == 3 && reports.values().all(Result::is_ok)
    })
    .await;
    handler.stop().await;
}
