//! A verification that is killed continues from its state file.

use factline::{Envelope, id};
use factline_kafka::producer::append::headers;
use factline_testkit::{PATIENCE, found};
use rdkafka::producer::{BaseRecord, Producer as _};
use uuid::Uuid;

use super::faults::PARTITION;
use super::{findings, order_in, verify};
use crate::stage::Stage;

/// Events of an aggregate, many times the number after which the tool looks at the clock.
const EVENTS: u64 = 40_000;

/// Appends events of one order, from a version up to, but not including, another.
async fn append(stage: &Stage, order: Uuid, versions: std::ops::Range<u64>) {
    let producer = stage.fixture.kafka.client_config().create();
    let producer: rdkafka::producer::BaseProducer = producer.unwrap();
    let topic = stage.topics.events().to_owned();
    let append = move || {
        let key = order.to_string();
        for version in versions {
            let envelope = Envelope {
                id: id::event("ordering.order", &key, version),
                sequence: Some(version),
                partition_sequence: Some(version),
                ..Stage::envelope(Uuid::now_v7(), "ordering.Any", order)
            };
            let texts = envelope.to_headers();
            let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(&topic)
                .partition(PARTITION)
                .key(key.as_str())
                .payload(b"any".as_slice())
                .headers(headers(texts.iter().map(|(name, value)| (name, value))));
            while let Err((_, full)) = producer.send(record) {
                producer.poll(std::time::Duration::from_millis(10));
                record = full;
            }
        }
        producer.flush(PATIENCE).unwrap();
    };
    tokio::task::spawn_blocking(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_run_continues_after_its_last_write() {
    let stage = Stage::with_topics("killed").await;
    let order = order_in(PARTITION);
    append(&stage, order, 1..EVENTS + 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let options = ["--state", file.to_str().unwrap(), "--state-seconds", "0"];
    let command = [&["verify", "--type", "ordering.order"][..], &options].concat();
    let mut killed = stage.start(&command);
    found("the state file", async || file.exists().then_some(())).await;
    killed.kill().await.unwrap();

    append(&stage, order, EVENTS + 1..EVENTS + 2).await;
    append(&stage, order, EVENTS + 3..EVENTS + 4).await;
    let (code, lines) = verify(&stage, &options).await;
    let place = format!("{}/{PARTITION}@{}", stage.topics.events(), EVENTS + 1);
    let expected = ["sequence_gap", "version_gap"].map(|kind| (kind.to_owned(), place.clone()));
    assert_eq!((code, findings(&lines)), (1, expected.into()));
    let events = lines.last().unwrap()["events"].as_u64().unwrap();
    assert!(events < EVENTS, "{events} were read");
    println!("{events} of {} were read after the kill", EVENTS + 2);
}
