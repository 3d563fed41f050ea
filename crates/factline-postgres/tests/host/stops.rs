//! A permanent failure halts one partition, is reported, and does not affect the others.

use factline_postgres::TopicKind;
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};

use crate::stage::{Stage, all, eventually};

/// Returns the expected records if partition 0 halts after `last` and partition 1 has 20 events.
fn written_if_halted_after(last: i64) -> Vec<(i32, i64)> {
    let mut expected = all(1, last);
    expected.extend((1..=20).map(|sequence| (1, sequence)));
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_record_halts_only_its_partition() {
    let stage = Stage::set(2).await;
    let mut events: Vec<(i32, u64, &str)> = (1..=5).map(|number| (0, number, "good")).collect();
    events.extend([(0, 6, "poison"), (0, 7, "good")]);
    events.extend((1..=10).map(|number| (1, number, "good")));
    stage.append(events, true).await;
    for restart in 0..2_u64 {
        let host = stage.follow("group");
        host.until_halted("/0").await;
        host.until_it_reports("cannot be handled: poison value")
            .await;
        let sequences = restart * 5 + 11..=restart * 5 + 15;
        stage.good(1, sequences).await;
        let count = 5 + 15 + usize::try_from(restart).unwrap() * 5;
        stage.until_written(count).await;
        host.stop().await;
    }
    assert_eq!(stage.written().await, written_if_halted_after(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn halted_partition_halts_again_on_another_instance() {
    let stage = Stage::set(2).await;
    let poison = [0, 1].map(|partition| (partition, 1, "poison"));
    stage.append(poison.to_vec(), true).await;
    let first = stage.follow("group");
    first.until_halted("/0").await;
    first.until_halted("/1").await;
    let second = stage.follow("group");
    // Any partition: the group shares them.
    second.until_halted("").await;
    first.stop().await;
    second.until_halted("/0").await;
    second.until_halted("/1").await;
    second.stop().await;
    assert_eq!(stage.written().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topic_is_reported() {
    let mut stage = Stage::set(1).await;
    stage.topic.push_str(".missing");
    let host = stage.follow("group");
    host.until_it_reports("UnknownTopicOrPartition").await;
    stage.create_topic(1).await;
    stage.good(0, 1..=3).await;
    stage.until_written(3).await;
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_rejected_by_the_database_is_poison() {
    let stage = Stage::set(2).await;
    let mut events: Vec<(i32, u64, &str)> = (1..=9).map(|number| (0, number, "good")).collect();
    events.extend([(0, 10, "no text has a \0"), (0, 11, "good")]);
    events.extend((1..=20).map(|number| (1, number, "good")));
    stage.append(events, true).await;
    let host = stage.follow("group");
    host.until_it_reports("/0@9 cannot be handled").await;
    stage.until_written(29).await;
    host.stop().await;
    assert_eq!(stage.written().await, written_if_halted_after(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_event_halts_only_its_partition() {
    let stage = Stage::set(2).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.good(0, 7..=8).await;
    host.until_it_reports("event 7 at offset 6 comes after event 5")
        .await;
    stage.good(1, 1..=20).await;
    stage.until_written(25).await;
    host.stop().await;
    assert_eq!(stage.written().await, written_if_halted_after(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_event_is_applied_once() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.good(0, 4..=8).await;
    stage.until_written(8).await;
    host.stop().await;
    assert_eq!(stage.written().await, all(1, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_topic_halts_its_partitions() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.until_written(5).await;
    host.stop().await;
    stage.delete_topic().await;
    stage.create_topic(1).await;
    stage.good(0, 1..=9).await;
    let host = stage.follow("group");
    host.until_it_reports("topic was recreated").await;
    host.stop().await;
    assert_eq!(stage.written().await, all(1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_events_halt_their_partition() {
    let stage = Stage::set(1).await;
    delete_first_five(&stage).await;
    let host = stage.follow("group");
    host.until_it_reports("log begins at offset 5, but record 0 was not read yet")
        .await;
    host.stop().await;
    assert_eq!(stage.written().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_follower_starts_at_the_oldest_record() {
    let stage = Stage::set(1).await;
    delete_first_five(&stage).await;
    let host = stage.follow_as("group", TopicKind::Records);
    stage.until_written(3).await;
    host.stop().await;
    assert_eq!(stage.written().await, [(0, 6), (0, 7), (0, 8)]);
}

/// The marker of a transaction follows its last record and is deleted with it.
#[tokio::test(flavor = "multi_thread")]
async fn deletion_of_applied_records_halts_no_partition() {
    let stage = Stage::set(2).await;
    let host = stage.follow_as("group", TopicKind::Records);
    stage.good(0, 1..=3).await;
    stage.append(vec![(0, 4, "aborted")], false).await;
    stage.until_written(3).await;
    // Three records and a marker, then an aborted record and a marker.
    let places = async || {
        let checkpoints = stage.checkpoints().await.into_iter();
        let mut places: Vec<(i32, i64)> = checkpoints
            .map(|known| (known.partition, known.cursor.next_offset))
            .collect();
        places.sort_unstable();
        places
    };
    let passed = async || places().await == [(0, 6), (1, 0)];
    eventually("the checkpoint passes the marker", passed).await;
    host.stop().await;
    delete(&stage, 6).await;
    let host = stage.follow_as("group", TopicKind::Records);
    host.until_ready().await;
    stage.good(0, 4..=5).await;
    stage.until_written(5).await;
    let passed = async || places().await == [(0, 9), (1, 0)];
    eventually("the checkpoint passes the next marker", passed).await;
    host.until_ready().await;
    assert_eq!(stage.written().await, all(1, 5));
    host.stop().await;
}

async fn delete_first_five(stage: &Stage) {
    stage.good(0, 1..=8).await;
    delete(stage, 5).await;
}

/// Deletes everything before this offset from partition 0.
async fn delete(stage: &Stage, before: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&stage.topic, 0, Offset::Offset(before))
        .unwrap();
    let deleted = stage
        .admin()
        .delete_records(&list, &AdminOptions::new())
        .await;
    deleted.unwrap();
}
