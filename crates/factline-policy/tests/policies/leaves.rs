//! A group member that ends after partitions were assigned to it and before it acknowledged the
//! assignment to librdkafka.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::{self, Change, GroupListener, SHORT_SESSION, Settings};
use factline_kafka::consumer::watchdog::Watchdog;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use crate::gate::GATE;
use crate::rig::{PATIENCE, Rig};

fn join(kafka: &KafkaConfig) -> BaseConsumer<GroupListener> {
    let kafka = KafkaConfig {
        instance: "slot".to_owned(),
        ..kafka.clone()
    };
    let topic = kafka.topics(&GATE).events().to_owned();
    let settings = Settings {
        group: format!("{}leaves", kafka.topic_prefix),
        topics: vec![topic],
        session_timeout: SHORT_SESSION,
        name: "leaves".to_owned(),
        kafka,
    };
    group::join(&settings, &Watchdog::default()).unwrap()
}

/// Polls until partitions are assigned. Takes the change and does not acknowledge it.
fn until_assigned(consumer: &BaseConsumer<GroupListener>) {
    poll(consumer, |consumer, _| {
        let changes = consumer.context().take_changes();
        changes
            .iter()
            .any(|change| matches!(change, Change::Assigned(keys, _) if !keys.is_empty()))
    });
}

fn poll(
    consumer: &BaseConsumer<GroupListener>,
    mut done: impl FnMut(&BaseConsumer<GroupListener>, Option<KafkaError>) -> bool,
) {
    let begin = Instant::now();
    loop {
        let error = consumer
            .poll(Duration::from_millis(50))
            .and_then(Result::err);
        if done(consumer, error) {
            return;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "timed out waiting for the expected event"
        );
    }
}

/// Drops the consumer and asserts that it leaves within 20 s.
fn leave(consumer: BaseConsumer<GroupListener>) {
    let (left, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        drop(consumer);
        left.send(()).unwrap();
    });
    receiver
        .recv_timeout(Duration::from_secs(20))
        .expect("the member must leave within 20 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn member_with_pending_assignment_leaves() {
    let rig = Rig::new("leaves").await;
    let consumer = join(&rig.kafka);
    until_assigned(&consumer);
    leave(consumer);
}

/// Meanwhile another member joins with the same instance id, which fences the first one
/// permanently.
#[tokio::test(flavor = "multi_thread")]
async fn fenced_member_with_pending_assignment_leaves() {
    let rig = Rig::new("fenced").await;
    let consumer = join(&rig.kafka);
    until_assigned(&consumer);
    let other = join(&rig.kafka);
    until_assigned(&other);
    poll(&consumer, |consumer, error| {
        // A host that delays its acknowledgement continues to take changes.
        consumer.context().take_changes();
        matches!(error, Some(KafkaError::MessageConsumptionFatal(_)))
    });
    leave(consumer);
    leave(other);
}
