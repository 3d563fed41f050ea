//! A transaction of another producer is open while a partition is taken over. It belongs to an
//! unrelated producer on the events topic, or to a former owner that is still alive.

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
use crate::rules::{foreign_transaction, forge, transactional};
use factline_kafka::topics::partition_of;

/// Time for which the successor is observed while the transaction is open. It is long enough to
/// finish the takeover if the successor does not wait.
const WATCH: Duration = Duration::from_secs(6);

/// Rule 4. An event is committed after the first record of the open transaction. A successor that
/// reads only to the last stable offset assigns the version of that event again.
async fn events_are_committed_behind_it(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("foreign").await;
    let first = rig.start("").await;
    let mut operations = vec![rig.deposit("ada", 1).await];
    rig.outcomes_of(&operations).await;
    let own = [partition_of(b"ada", ACCOUNT.partitions)];
    let (events, long) = (rig.topics.events(), Duration::from_mins(1));
    let neighbour = foreign_transaction(&rig, events, &own, long).await;
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
async fn restore_reads_events_behind_an_open_transaction() {
    passes(events_are_committed_behind_it).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_restore_to_stable_is_detected() {
    finds(Mutant::RestoreToStable, 2, events_are_committed_behind_it).await;
}

/// A former owner has sent its offsets but not its events, as an owner that does not flush. The
/// successor sees no end of the events before that transaction has ended, because it asks for the
/// stable offsets first. So a missing flush does not harm the restored state. Each of the two rules
/// is sufficient for that.
#[tokio::test(flavor = "multi_thread")]
async fn takeover_waits_for_an_open_transaction_with_offsets() {
    let rig = Rig::new("holds").await;
    let partition = partition_of(b"ada", ACCOUNT.partitions);
    let first = rig.start("").await;
    let before = rig.deposit("ada", 1).await;
    rig.outcomes_of(&[before]).await;
    first.stop().await;

    // The former owner decides the next command, and sends its offset before the event.
    rig.deposit("ada", 2).await;
    let next = rig.read(rig.topics.commands()).await.last().unwrap().offset + 1;
    let id = format!("{}slow", rig.kafka.topic_prefix);
    let slow = transactional(&rig, &id, Duration::from_mins(1));
    slow.begin_transaction().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(rig.topics.commands(), partition, Offset::Offset(next))
        .unwrap();
    // The group has no members, so it accepts the offsets of any client.
    let mut config = rig.kafka.client_config();
    let client: BaseConsumer = config
        .set("group.id", rig.topics.handler_group())
        .create()
        .unwrap();
    slow.send_offsets_to_transaction(&offsets, &client.group_metadata().unwrap(), rig::PATIENCE)
        .unwrap();

    let second = rig.launch("");
    let after = rig.deposit("ada", 4).await;
    let early = tokio::time::timeout(WATCH, rig.outcomes_of(&[after])).await;
    assert!(
        early.is_err(),
        "partition was taken over while a former owner could still write"
    );
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
