//! Bounds of the trimming of a partition.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::stage::{PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn records_that_handler_or_tracker_has_not_passed_are_kept() {
    let stage = Stage::new().await;
    stage.append(10).await;
    // Each case has the offsets of handler and tracker, and the expected beginning of the log. The
    // log never moves back.
    for (handled, reached, begins) in [
        (0, 10, 0),
        (3, 10, 3),
        (3, 2, 3),
        (9, 5, 5),
        (9, 5, 5),
        (10, 10, 10),
        // Offsets beyond the end of the log, as after a loss of its last records.
        (1_000, 1_000, 10),
    ] {
        let before = stage.log(0).0;
        stage.handled(handled);
        let trimmed = stage.trim(reached).await;
        let case = format!("handled {handled}, reached {reached}");
        assert_eq!(stage.log(0), (begins, 10), "{case}");
        let records: u64 = trimmed.iter().map(Trimmed::records).sum();
        assert_eq!(i64::try_from(records).unwrap(), begins - before, "{case}");
    }
    // Later records are not deleted.
    stage.handled(10);
    stage.append(2).await;
    assert_eq!(stage.trim(12).await, []);
    assert_eq!(stage.log(0), (10, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_handler_offset_prevents_trimming() {
    let stage = Stage::new().await;
    stage.append(3).await;
    stage.handled(3);
    let admin: AdminClient<DefaultClientContext> =
        stage.fixture.kafka.client_config().create().unwrap();
    let group = stage.topics.handler_group();
    let gone = admin.delete_groups(&[group], &AdminOptions::new()).await;
    gone.unwrap().remove(0).unwrap();
    assert_eq!(stage.trim(3).await, []);
    assert_eq!(stage.log(0), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_tracker_checkpoint_prevents_trimming() {
    let stage = Stage::new().await;
    stage.append(3).await;
    stage.handled(3);
    let soon = Utc::now() + TimeDelta::minutes(1);
    let of_another_topic = Reached {
        identity: "00000000".to_owned(),
        next_offset: 3,
    };
    for reached in [
        BTreeMap::new(),
        stage.reached(1, 3),
        BTreeMap::from([(0, of_another_topic)]),
    ] {
        let trimmed = trim(&stage.fixture.kafka, &stage.topics, &reached, soon).await;
        assert_eq!(trimmed.unwrap(), [], "{reached:?}");
        assert_eq!(stage.log(0), (0, 3), "{reached:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_records_are_kept() {
    let stage = Stage::new().await;
    stage.append(3).await;
    stage.handled(5);
    // The broker uses the clock of this machine.
    let between = Utc::now() + TimeDelta::milliseconds(1);
    while Utc::now() <= between {
        tokio::task::yield_now().await;
    }
    stage.append(2).await;
    let reached = stage.reached(0, 5);
    let long_ago = Utc::now() - TimeDelta::hours(1);
    let trimmed = trim(&stage.fixture.kafka, &stage.topics, &reached, long_ago).await;
    assert_eq!(trimmed.unwrap(), []);
    let trimmed = trim(&stage.fixture.kafka, &stage.topics, &reached, between).await;
    let gone = Trimmed {
        partition: 0,
        from: 0,
        to: 3,
    };
    assert_eq!(trimmed.unwrap(), [gone]);
    assert_eq!(stage.log(0), (3, 5));
}

/// Commands should not be written in transactions, but a producer may do it.
#[tokio::test(flavor = "multi_thread")]
async fn records_behind_an_open_transaction_are_kept() {
    let stage = Stage::new().await;
    stage.append(2).await;
    let producer: BaseProducer = stage
        .fixture
        .kafka
        .client_config()
        .set("transactional.id", &stage.fixture.kafka.topic_prefix)
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    let record = BaseRecord::<[u8], [u8]>::to(stage.topics.commands())
        .partition(0)
        .payload(b"open");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
    stage.append(1).await;
    stage.handled(4);
    stage.trim(4).await;
    assert_eq!(stage.log(0), (2, 4));
    producer.abort_transaction(PATIENCE).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_trims_delete_the_same_records() {
    let stage = Stage::new().await;
    stage.append(20).await;
    for handled in [7, 20] {
        stage.handled(handled);
        tokio::join!(stage.trim(20), stage.trim(20), stage.trim(handled - 1));
        assert_eq!(stage.log(0), (handled, 20));
    }
}
