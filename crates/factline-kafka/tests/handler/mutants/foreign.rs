//! Somebody else's transaction is open while a partition is taken over.

use std::time::Duration;

use factline_faults::Mutant;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::{PATIENCE, Wrong, environment, finds, passes};
use crate::account::ACCOUNT;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{self, Rig, eventually};
use crate::rules::transactional;
use factline_kafka::topics::partition_of;

/// How long the successor is watched while the transaction is open: long enough for it to be done if it does not wait.
const WATCH: Duration = Duration::from_secs(6);

/// An open transaction with a record on the events of ada's partition.
async fn neighbour(rig: &Rig) -> BaseProducer {
    let id = format!("{}neighbour", rig.kafka.topic_prefix);
    let neighbour = transactional(rig, &id, Duration::from_mins(1));
    neighbour.begin_transaction().unwrap();
    let record = BaseRecord::<str, [u8]>::to(rig.topics.events());
    let record = record.partition(partition_of(b"ada", ACCOUNT.partitions));
    neighbour.send(record.key("x").payload(b"x")).unwrap();
    eventually("the neighbour's record is in the log", async || {
        neighbour.poll(Duration::from_millis(10));
        neighbour.in_flight_count() == 0
    })
    .await;
    neighbour
}

/// Behind the open transaction an event is committed. Who reads to the last stable offset only gives its version out again.
async fn events_are_committed_behind_it(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("foreign").await;
    let first = rig.start("").await;
    let mut operations = vec![rig.deposit("ada", 1).await];
    rig.outcomes_of(&operations).await;
    let neighbour = neighbour(&rig).await;
    operations.push(rig.deposit("ada", 2).await);
    rig.outcomes_of(&operations).await;
    first.stop().await;

    let _second = Process::start_with(&rig, "", &environment(mutant, &[]));
    operations.push(rig.deposit("ada", 4).await);
    let _ = tokio::time::timeout(WATCH, rig.outcomes_of(&operations)).await;
    neighbour.abort_transaction(rig::PATIENCE).unwrap();
    judge(&rig, &operations, PATIENCE).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_behind_an_open_transaction_is_restored() {
    passes(events_are_committed_behind_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_restore_to_the_last_stable_offset_is_found() {
    finds(Mutant::RestoreToStable, 2, events_are_committed_behind_it).await;
}
