//! Takeovers: partitions that stay with their member are not interrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::ACCOUNT;
use crate::rig::{PATIENCE, Rig, eventually};
use crate::rules::foreign_transaction;
use factline_kafka::KafkaConfig;
use factline_kafka::topics::partition_of;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

/// Returns one account for each partition.
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

/// An open transaction of another producer delays a restore. The partitions that this worker
/// already had continue meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn restore_does_not_interrupt_retained_partitions() {
    let rig = Rig::new("stay").await;
    let first = rig.start("a").await;
    let second = rig.start("b").await;
    let mut operations = Vec::new();
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;

    let everywhere: Vec<i32> = (0..ACCOUNT.partitions).collect();
    let (events, long) = (rig.topics.events(), Duration::from_mins(1));
    let neighbour = foreign_transaction(&rig, events, &everywhere, long).await;

    second.stop().await;
    // The partitions of a static member stay assigned to it for the session timeout.
    eventually("the first handler is restoring", async || {
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
    eventually("retained partitions continue", async || {
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

/// Several workers in one process share the partitions, as several processes would.
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
        let reports = handler.reports.all();
        reports.len() == 3 && reports.values().all(Result::is_ok)
    })
    .await;
    handler.stop().await;
}

/// Three handlers are restarted one after another under load. No command is lost or repeated. The
/// test prints the longest interval without an outcome but does not assert it, because it depends
/// on the machine.
#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_loses_nothing() {
    let rig = Arc::new(Rig::new("rolling").await);
    let slots = ["0", "1", "2"];
    let mut handlers = Vec::new();
    for slot in slots {
        handlers.push(rig.start(slot).await);
    }
    let done = CancellationToken::new();
    let load = tokio::spawn({
        let (rig, done) = (Arc::clone(&rig), done.clone());
        async move {
            let mut operations = Vec::new();
            while !done.is_cancelled() {
                let account = format!("account-{}", operations.len() % 11);
                operations.push(rig.deposit(&account, 1).await);
            }
            operations
        }
    });
    let interval = tokio::task::spawn_blocking({
        let (kafka, topic, done) = (
            rig.kafka.clone(),
            rig.topics.outcomes().to_owned(),
            done.clone(),
        );
        move || longest_interval(&kafka, &topic, &done)
    });
    for slot in slots {
        handlers.remove(0).stop().await;
        handlers.push(rig.start(slot).await);
    }
    done.cancel();
    let operations = load.await.unwrap();
    let balances = rig.check(&operations).await;
    let sum: i64 = balances.values().sum();
    assert_eq!(usize::try_from(sum).unwrap(), operations.len());
    println!(
        "{} commands over three restarts; the longest interval between outcomes was {:?}",
        operations.len(),
        interval.await.unwrap()
    );
    for handler in handlers {
        handler.stop().await;
    }
}

/// Returns the longest time between two outcomes while commands are sent.
fn longest_interval(kafka: &KafkaConfig, topic: &str, done: &CancellationToken) -> Duration {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "test-listener")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let mut from = TopicPartitionList::new();
    for partition in 0..ACCOUNT.partitions {
        from.add_partition_offset(topic, partition, Offset::Offset(0))
            .unwrap();
    }
    consumer.assign(&from).unwrap();
    let (mut last, mut longest) = (None, Duration::ZERO);
    while !done.is_cancelled() {
        if consumer.poll(Duration::from_millis(20)).is_some() {
            let now = Instant::now();
            longest = longest.max(last.map_or(Duration::ZERO, |last| now - last));
            last = Some(now);
        }
    }
    longest
}
