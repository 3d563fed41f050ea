//! Somebody else's transaction is open while a partition is taken over: a neighbour's on the events, or that of an owner
//! who is not as dead as it seems.

use std::time::Duration;

use factline_failpoints::Mutant;
use rdkafka::producer::Producer as _;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Wrong, environment, finds, passes, patience};
use crate::account::ACCOUNT;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{self, Rig};
use crate::rules::{forge, stranger, transactional};
use factline_kafka::topics::partition_of;

/// How long the successor is watched while the transaction is open: long enough for it to be done if it does not wait.
const WATCH: Duration = Duration::from_secs(6);

/// Behind the open transaction an event is committed. Who reads to the last stable offset only gives its version out again.
async fn events_are_committed_behind_it(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("foreign").await;
    let first = rig.start("").await;
    let mut operations = vec![rig.deposit("ada", 1).await];
    rig.outcomes_of(&operations).await;
    let ours = [partition_of(b"ada", ACCOUNT.partitions)];
    let events = (rig.topics.events(), ours.as_slice());
    let neighbour = stranger(&rig, events, Duration::from_mins(1)).await;
    operations.push(rig.deposit("ada", 2).await);
    rig.outcomes_of(&operations).await;
    first.stop().await;

    let _second = Process::start_with(&rig, "", &environment(mutant, &[]));
    operations.push(rig.deposit("ada", 4).await);
    let _ = tokio::time::timeout(WATCH, rig.outcomes_of(&operations)).await;
    neighbour.abort_transaction(rig::PATIENCE).unwrap();
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_behind_an_open_transaction_is_restored() {
    passes(events_are_committed_behind_it).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_restore_to_stable_is_detected() {
    finds(Mutant::RestoreToStable, 2, events_are_committed_behind_it).await;
}

/// An owner whose offsets are in and whose events are not, as one that does not flush: whoever takes over sees no end of the
/// events before that transaction has ended, for it asks for the stable offsets first. So a flush that is missing does no harm
/// to what is restored. Each of the two rules is enough for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_waits_for_whoever_holds_an_offset() {
    let rig = Rig::new("holds").await;
    let partition = partition_of(b"ada", ACCOUNT.partitions);
    let first = rig.start("").await;
    let before = rig.deposit("ada", 1).await;
    rig.outcomes_of(&[before]).await;
    first.stop().await;

    // It decides the next command, and tells Kafka so before it sends the event.
    rig.deposit("ada", 2).await;
    let next = rig.read(rig.topics.commands()).await.last().unwrap().offset + 1;
    let id = format!("{}slow", rig.kafka.topic_prefix);
    let slow = transactional(&rig, &id, Duration::from_mins(1));
    slow.begin_transaction().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(rig.topics.commands(), partition, Offset::Offset(next))
        .unwrap();
    // The group is empty: it takes anybody's word.
    let mut config = rig.kafka.client_config();
    let nobody: BaseConsumer = config
        .set("group.id", rig.topics.handler_group())
        .create()
        .unwrap();
    slow.send_offsets_to_transaction(&offsets, &nobody.group_metadata().unwrap(), rig::PATIENCE)
        .unwrap();

    let second = rig.launch("");
    let after = rig.deposit("ada", 4).await;
    let early = tokio::time::timeout(WATCH, rig.outcomes_of(&[after])).await;
    assert!(early.is_err(), "taken over while an owner may still write");
    let (record, envelope, _) = rig.events().await.remove(0);
    let late = factline::Envelope {
        sequence: Some(2),
        partition_sequence: Some(2),
        ..envelope
    };
    forge(
        &slow,
        &rig,
        partition,
        &late,
        record.value.as_deref().unwrap(),
    );
    slow.commit_transaction(rig::PATIENCE).unwrap();
    assert_eq!(rig.check(&[before, after]).await["ada"], 6);
    assert_eq!(rig.outcomes_of(&[after]).await[&after].version, Some(3));
    second.stop().await;
}
