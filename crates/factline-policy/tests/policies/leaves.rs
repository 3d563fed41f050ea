//! A member that ends while partitions were assigned to it, and librdkafka waits for its answer.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::{self, Change, Events};
use factline_kafka::consumer::watchdog::Pulse;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use crate::gate::GATE;
use crate::rig::{PATIENCE, Rig};

fn join(kafka: &KafkaConfig) -> BaseConsumer<Events> {
    let kafka = KafkaConfig {
        instance: "slot".to_owned(),
        ..kafka.clone()
    };
    let topic = kafka.topics(&GATE).events().to_owned();
    let group = format!("{}leaves", kafka.topic_prefix);
    group::join(&kafka, &group, &[topic], &Pulse::default()).unwrap()
}

/// Polls until something is assigned, takes that, and does not answer.
fn until_assigned(consumer: &BaseConsumer<Events>) {
    poll(consumer, |consumer, _| {
        let changes = consumer.context().take_changes();
        changes
            .iter()
            .any(|change| matches!(change, Change::Assigned(keys) if !keys.is_empty()))
    });
}

fn poll(
    consumer: &BaseConsumer<Events>,
    mut done: impl FnMut(&BaseConsumer<Events>, Option<KafkaError>) -> bool,
) {
    let begin = Instant::now();
    loop {
        let error = consumer
            .poll(Duration::from_millis(50))
            .and_then(Result::err);
        if done(consumer, error) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "what was to come has not come");
    }
}

/// Leaves, within a time.
fn leave(consumer: BaseConsumer<Events>) {
    let (left, heard) = mpsc::channel();
    std::thread::spawn(move || {
        drop(consumer);
        left.send(()).unwrap();
    });
    heard
        .recv_timeout(Duration::from_secs(20))
        .expect("a member that leaves comes to an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_leaves_that_has_not_answered() {
    let rig = Rig::new("leaves").await;
    let consumer = join(&rig.kafka);
    until_assigned(&consumer);
    leave(consumer);
}

/// Another comes in its slot meanwhile, and it is fenced for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_leaves_that_was_fenced_before_it_had_answered() {
    let rig = Rig::new("fenced").await;
    let consumer = join(&rig.kafka);
    until_assigned(&consumer);
    let other = join(&rig.kafka);
    until_assigned(&other);
    poll(&consumer, |consumer, error| {
        // A host that puts its answer off goes on to take changes.
        consumer.context().take_changes();
        matches!(error, Some(KafkaError::MessageConsumptionFatal(_)))
    });
    leave(consumer);
    leave(other);
}
