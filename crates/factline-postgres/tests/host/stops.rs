//! What never passes stops one partition, says so, and leaves the others alone.

use factline_postgres::Contents;
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};

use crate::stage::{Stage, all, until};

/// What is written if partition 0 stops after `last` and partition 1 has 20 events.
fn stopped_after(last: i64) -> Vec<(i32, i64)> {
    let mut expected = all(1, last);
    expected.extend((1..=20).map(|sequence| (1, sequence)));
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_stops_its_partition_and_no_other() {
    let stage = Stage::set(2).await;
    let mut events: Vec<(i32, u64, &str)> = (1..=5).map(|number| (0, number, "good")).collect();
    events.extend([(0, 6, "poison"), (0, 7, "good")]);
    events.extend((1..=10).map(|number| (1, number, "good")));
    stage.append(events, true).await;
    for restart in 0..2_u64 {
        let host = stage.follow("group");
        host.until_it_says("/0 is stopped: record").await;
        host.until_it_says("cannot be handled: it is poison").await;
        let sequences = restart * 5 + 11..=restart * 5 + 15;
        stage.good(1, sequences).await;
        let count = 5 + 15 + usize::try_from(restart).unwrap() * 5;
        stage.until_written(count).await;
        host.stop().await;
    }
    assert_eq!(stage.written().await, stopped_after(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_partition_moves_to_another_instance_and_stops_there() {
    let stage = Stage::set(2).await;
    let poison = [0, 1].map(|partition| (partition, 1, "poison"));
    stage.append(poison.to_vec(), true).await;
    let first = stage.follow("group");
    first.until_it_says("/0 is stopped: record").await;
    first.until_it_says("/1 is stopped: record").await;
    let second = stage.follow("group");
    second.until_it_says("is stopped: record").await;
    first.stop().await;
    second.until_it_says("/0 is stopped: record").await;
    second.until_it_says("/1 is stopped: record").await;
    second.stop().await;
    assert_eq!(stage.written().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_said() {
    let mut stage = Stage::set(1).await;
    stage.topic.push_str(".missing");
    let host = stage.follow("group");
    host.until_it_says("UnknownTopicOrPartition").await;
    stage.create_topic(1).await;
    stage.good(0, 1..=3).await;
    stage.until_written(3).await;
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_database_cannot_hold_is_found_and_is_poison() {
    let stage = Stage::set(2).await;
    let mut events: Vec<(i32, u64, &str)> = (1..=9).map(|number| (0, number, "good")).collect();
    events.extend([(0, 10, "no text has a \0"), (0, 11, "good")]);
    events.extend((1..=20).map(|number| (1, number, "good")));
    stage.append(events, true).await;
    let host = stage.follow("group");
    host.until_it_says("/0@9 cannot be handled").await;
    stage.until_written(29).await;
    host.stop().await;
    assert_eq!(stage.written().await, stopped_after(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_event_stops_its_partition_and_no_other() {
    let stage = Stage::set(2).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.good(0, 7..=8).await;
    host.until_it_says("event 7 at offset 6 comes after event 5")
        .await;
    stage.good(1, 1..=20).await;
    stage.until_written(25).await;
    host.stop().await;
    assert_eq!(stage.written().await, stopped_after(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_is_applied_once() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.good(0, 4..=8).await;
    stage.until_written(8).await;
    host.stop().await;
    assert_eq!(stage.written().await, all(1, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_is_noticed() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    stage.good(0, 1..=5).await;
    stage.until_written(5).await;
    host.stop().await;
    stage.delete_topic().await;
    stage.create_topic(1).await;
    stage.good(0, 1..=9).await;
    let host = stage.follow("group");
    host.until_it_says("topic was made anew").await;
    host.stop().await;
    assert_eq!(stage.written().await, all(1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_gone_are_missed() {
    let stage = Stage::set(1).await;
    delete_first_five(&stage).await;
    let host = stage.follow("group");
    host.until_it_says("log begins at offset 5, but record 0 was not read yet")
        .await;
    host.stop().await;
    assert_eq!(stage.written().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_deleted_in_time_are_not_missed_by_who_comes_later() {
    let stage = Stage::set(1).await;
    delete_first_five(&stage).await;
    let host = stage.follow_as("group", Contents::Records);
    stage.until_written(3).await;
    host.stop().await;
    assert_eq!(stage.written().await, [(0, 6), (0, 7), (0, 8)]);
}

/// Behind the last record stands the marker of its transaction, which is deleted with it.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_read_are_not_missed_when_they_are_deleted_in_time() {
    let stage = Stage::set(2).await;
    let host = stage.follow_as("group", Contents::Records);
    stage.good(0, 1..=3).await;
    stage.append(vec![(0, 4, "aborted")], false).await;
    stage.until_written(3).await;
    // Three records and a marker, one that was aborted and a marker.
    let places = async || {
        let checkpoints = stage.checkpoints().await.into_iter();
        let mut places: Vec<(i32, i64)> = checkpoints
            .map(|known| (known.partition, known.cursor.next_offset))
            .collect();
        places.sort_unstable();
        places
    };
    until(async || places().await == [(0, 6), (1, 0)]).await;
    host.stop().await;
    delete(&stage, 6).await;
    let host = stage.follow_as("group", Contents::Records);
    host.until_ready().await;
    stage.good(0, 4..=5).await;
    stage.until_written(5).await;
    until(async || places().await == [(0, 9), (1, 0)]).await;
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
