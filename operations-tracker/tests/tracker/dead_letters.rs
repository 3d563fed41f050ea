//! The open dead letters of commands, as the tracker reads them.

use chrono::Utc;
use factline::Timestamp;
use factline_kafka::records::dead_letters::{CODE, MARK};
use factline_tracker::dead_letters::{DeadLetters, Open};
use ordering_schemas::ORDER;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::system::{CONTRACTS, LONG, System};

/// Appends a letter of this time, a mark on it, or a tombstone.
async fn append(system: &System, place: &str, time: i64, headers: &[&str], value: Option<&str>) {
    let topics = system.kafka.topics(&ORDER);
    let producer: FutureProducer = system.kafka.client_config().create().unwrap();
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, key| {
        headers.insert(Header {
            key,
            value: Some("any"),
        })
    });
    let record = FutureRecord {
        payload: value,
        timestamp: Some(time),
        headers: Some(headers),
        ..FutureRecord::to(topics.dead_letters()).key(place)
    };
    producer.send(record, LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_open_until_an_operator_has_settled_them() {
    let system = System::start(LONG).await;
    let mut letters = Some(DeadLetters::new(&system.kafka, "letters", CONTRACTS).unwrap());
    let mut open = async || {
        let mut reading = letters.take().unwrap();
        let read = spawn_blocking(move || {
            let found = reading.read(&CancellationToken::new());
            (reading, found)
        });
        let (reading, found) = read.await.unwrap();
        letters = Some(reading);
        found.unwrap()[ORDER.aggregate]
    };
    let count_since = |count, oldest: Option<i64>| Open {
        count,
        oldest: oldest.and_then(Timestamp::from_timestamp_millis),
    };
    assert_eq!(open().await, count_since(0, None));

    let now = Utc::now().timestamp_millis();
    let (first, second, third) = (now - 3000, now - 2000, now - 1000);
    append(&system, "commands/1@7", first, &[CODE], Some("first")).await;
    append(&system, "commands/2@8", second, &[CODE], Some("second")).await;
    append(&system, "commands/3@9", third, &[CODE], Some("third")).await;
    assert_eq!(open().await, count_since(3, Some(first)));
    assert_eq!(open().await, count_since(3, Some(first)));

    // A mark contains the letter once more.
    append(&system, "commands/1@7", now, &[CODE, MARK], Some("first")).await;
    assert_eq!(open().await, count_since(2, Some(second)));
    append(&system, "commands/2@8", now, &[], None).await;
    assert_eq!(open().await, count_since(1, Some(third)));

    // A restarted process has the same figures.
    letters = Some(DeadLetters::new(&system.kafka, "letters", CONTRACTS).unwrap());
    let mut reading = letters.take().unwrap();
    let read = spawn_blocking(move || reading.read(&CancellationToken::new()));
    let found = read.await.unwrap().unwrap();
    assert_eq!(found[ORDER.aggregate], count_since(1, Some(third)));
}
