//! Partitions that are assigned to a member and not fetched.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::{
    self, Change, GroupListener, SHORT_SESSION, Settings, TopicPartition,
};
use factline_kafka::consumer::stalled_partitions::StalledPartitions;
use factline_kafka::consumer::watchdog::Watchdog;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::gate::GATE;
use crate::rig::{PATIENCE, Rig};

/// Group member with its partitions, as a host keeps them.
struct Host {
    consumer: BaseConsumer<GroupListener>,
    owned: BTreeSet<TopicPartition>,
    /// Partitions from which a record arrived since the last assignment.
    fetched: BTreeSet<TopicPartition>,
}

fn followed(kafka: &KafkaConfig) -> (String, String) {
    let topic = kafka.topics(&GATE).events().to_owned();
    (format!("{}returns", kafka.topic_prefix), topic)
}

impl Host {
    /// Joins without an instance id, so that the member is removed from the group as soon as it
    /// leaves.
    fn join(kafka: &KafkaConfig) -> Self {
        let (group, topic) = followed(kafka);
        let settings = Settings {
            group,
            topics: vec![topic],
            session_timeout: SHORT_SESSION,
            name: "returns".to_owned(),
            kafka: kafka.clone(),
        };
        Self {
            consumer: group::join(&settings, &Watchdog::default()).unwrap(),
            owned: BTreeSet::new(),
            fetched: BTreeSet::new(),
        }
    }

    /// Pauses or resumes all assigned partitions.
    fn pause(&self, paused: bool) {
        // Must be dropped before the client: the list keeps its topics alive.
        let assigned = self.consumer.assignment().unwrap();
        if paused {
            self.consumer.pause(&assigned).unwrap();
        } else {
            self.consumer.resume(&assigned).unwrap();
        }
    }

    /// Polls once and starts every newly assigned partition at offset 0.
    fn turn(&mut self) {
        if let Some(record) = self.consumer.poll(Duration::from_millis(20)) {
            let record = record.unwrap();
            let key = (record.topic().to_owned(), record.partition());
            self.fetched.insert(key);
        }
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(keys, _) => {
                    let starts: Vec<(TopicPartition, i64)> =
                        keys.into_iter().map(|key| (key, 0)).collect();
                    group::assign(&self.consumer, &starts).unwrap();
                    self.owned.extend(starts.into_iter().map(|(key, _)| key));
                }
                Change::Revoked(keys) => {
                    for key in keys {
                        self.owned.remove(&key);
                        self.fetched.remove(&key);
                    }
                }
            }
        }
    }
}

/// Polls all hosts until a condition is true.
fn until(what: &str, hosts: &mut [&mut Host], mut done: impl FnMut(&[&mut Host]) -> bool) {
    let begin = Instant::now();
    while !done(hosts) {
        assert!(begin.elapsed() < PATIENCE, "timed out waiting until {what}");
        for host in &mut *hosts {
            host.turn();
        }
    }
}

/// librdkafka keeps a partition paused for as long as it knows the partition, even while another
/// member owns it.
#[tokio::test(flavor = "multi_thread")]
async fn partition_revoked_while_paused_is_fetched_after_reassignment() {
    let rig = Rig::new("returns").await;
    let handlers = rig.handlers().await;
    let all = usize::try_from(GATE.partitions).unwrap();
    for gate in 0..30 {
        rig.pass(&format!("gate-{gate}"), "c", 1).await;
    }
    rig.until_passed(30).await;

    let mut host = Host::join(&rig.kafka);
    until(
        "a record of every partition arrives",
        &mut [&mut host],
        |hosts| hosts[0].fetched.len() == all,
    );
    host.pause(true);
    let mut other = Host::join(&rig.kafka);
    until(
        "both hosts own partitions",
        &mut [&mut host, &mut other],
        |hosts| hosts[0].owned.len() < all && hosts[0].owned.len() + hosts[1].owned.len() == all,
    );
    host.pause(false);
    drop(other.consumer);
    until(
        "one host owns all partitions again",
        &mut [&mut host],
        |hosts| hosts[0].owned.len() == all,
    );
    until(
        "a record of every partition arrives again",
        &mut [&mut host],
        |hosts| hosts[0].fetched.len() == all,
    );

    drop(host.consumer);
    for handler in handlers {
        handler.stop().await;
    }
}

/// Detection must not depend on the reason why the client does not fetch. Here the test pauses it.
#[tokio::test(flavor = "multi_thread")]
async fn stalled_partition_is_reported() {
    let rig = Rig::new("arrives").await;
    let handlers = rig.handlers().await;
    let all = usize::try_from(GATE.partitions).unwrap();
    let mut host = Host::join(&rig.kafka);
    until("one host owns all partitions", &mut [&mut host], |hosts| {
        hosts[0].owned.len() == all
    });
    let (group, topic) = followed(&rig.kafka);
    let mut stalled_partitions = StalledPartitions::new(&rig.kafka, &group, &[topic]);
    let mut stalled = |host: &Host| {
        let followed = || {
            host.owned
                .iter()
                .map(|key| (key.clone(), Some(0)))
                .collect()
        };
        stalled_partitions.find_stalled(&host.consumer, followed)
    };
    host.pause(true);
    rig.pass("gate", "c", 1).await;
    rig.until_passed(1).await;
    until(
        "the stalled partition is reported",
        &mut [&mut host],
        |hosts| stalled(hosts[0]).is_some(),
    );

    host.pause(false);
    until("the record arrives", &mut [&mut host], |hosts| {
        hosts[0].fetched.len() == 1
    });
    let begin = Instant::now();
    until("40 s have passed", &mut [&mut host], |hosts| {
        assert_eq!(stalled(hosts[0]), None, "every record has arrived");
        begin.elapsed() > Duration::from_secs(40)
    });
    drop(host.consumer);
    for handler in handlers {
        handler.stop().await;
    }
}
