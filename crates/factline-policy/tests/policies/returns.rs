//! Partitions that are ours, and not fetched.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::{self, Change, Events, Key};
use factline_kafka::consumer::stalled_partitions::Arrivals;
use factline_kafka::consumer::watchdog::Pulse;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::gate::GATE;
use crate::rig::{PATIENCE, Rig};

/// A member with what it has, as a host keeps it.
struct Host {
    consumer: BaseConsumer<Events>,
    has: BTreeSet<Key>,
    /// Partitions that a record has come from since the last change.
    heard: BTreeSet<Key>,
}

fn followed(kafka: &KafkaConfig) -> (String, String) {
    let topic = kafka.topics(&GATE).events().to_owned();
    (format!("{}returns", kafka.topic_prefix), topic)
}

impl Host {
    /// Without a slot, so that it is gone as soon as it leaves.
    fn join(kafka: &KafkaConfig) -> Self {
        let (group, topic) = followed(kafka);
        Self {
            consumer: group::join(kafka, &group, &[topic], &Pulse::default()).unwrap(),
            has: BTreeSet::new(),
            heard: BTreeSet::new(),
        }
    }

    /// Has nothing more delivered of what it has now, or all of it again.
    fn pause(&self, paused: bool) {
        // Dropped before the client is: what it lists, it keeps alive.
        let assigned = self.consumer.assignment().unwrap();
        if paused {
            self.consumer.pause(&assigned).unwrap();
        } else {
            self.consumer.resume(&assigned).unwrap();
        }
    }

    /// Polls once, and begins with whatever is given to it at its first record.
    fn turn(&mut self) {
        if let Some(record) = self.consumer.poll(Duration::from_millis(20)) {
            let record = record.unwrap();
            let key = (record.topic().to_owned(), record.partition());
            self.heard.insert(key);
        }
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(keys) => {
                    let starts: Vec<(Key, i64)> = keys.into_iter().map(|key| (key, 0)).collect();
                    group::assign(&self.consumer, &starts).unwrap();
                    self.has.extend(starts.into_iter().map(|(key, _)| key));
                }
                Change::Revoked(keys) => {
                    for key in keys {
                        self.has.remove(&key);
                        self.heard.remove(&key);
                    }
                }
            }
        }
    }
}

/// Goes on with some hosts until something is true of them.
fn until(what: &str, hosts: &mut [&mut Host], mut done: impl FnMut(&[&mut Host]) -> bool) {
    let begin = Instant::now();
    while !done(hosts) {
        assert!(begin.elapsed() < PATIENCE, "gave up waiting: {what}");
        for host in &mut *hosts {
            host.turn();
        }
    }
}

/// librdkafka keeps a pause for as long as it knows the partition, whoever has it meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_left_while_all_was_paused_is_fetched_when_it_comes_back() {
    let rig = Rig::new("returns").await;
    let handlers = rig.handlers().await;
    let all = usize::try_from(GATE.partitions).unwrap();
    for gate in 0..30 {
        rig.pass(&format!("gate-{gate}"), "c", 1).await;
    }
    rig.until_passed(30).await;

    let mut host = Host::join(&rig.kafka);
    until("all is heard of", &mut [&mut host], |hosts| {
        hosts[0].heard.len() == all
    });
    host.pause(true);
    let mut other = Host::join(&rig.kafka);
    until("both have some", &mut [&mut host, &mut other], |hosts| {
        hosts[0].has.len() < all && hosts[0].has.len() + hosts[1].has.len() == all
    });
    host.pause(false);
    drop(other.consumer);
    until("one has all again", &mut [&mut host], |hosts| {
        hosts[0].has.len() == all
    });
    until("all is heard of again", &mut [&mut host], |hosts| {
        hosts[0].heard.len() == all
    });

    drop(host.consumer);
    for handler in handlers {
        handler.stop().await;
    }
}

/// Whatever keeps the client from fetching: here it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_and_does_not_arrive_is_told() {
    let rig = Rig::new("arrives").await;
    let handlers = rig.handlers().await;
    let all = usize::try_from(GATE.partitions).unwrap();
    let mut host = Host::join(&rig.kafka);
    until("one has all", &mut [&mut host], |hosts| {
        hosts[0].has.len() == all
    });
    let (group, topic) = followed(&rig.kafka);
    let mut arrivals = Arrivals::new(&rig.kafka, &group, &[topic]);
    let mut look = |host: &Host| {
        let followed = || host.has.iter().map(|key| (key.clone(), Some(0))).collect();
        arrivals.missing(&host.consumer, followed)
    };
    host.pause(true);
    rig.pass("gate", "c", 1).await;
    rig.until_passed(1).await;
    until("it is told", &mut [&mut host], |hosts| {
        look(hosts[0]).is_some()
    });

    host.pause(false);
    until("it is heard of", &mut [&mut host], |hosts| {
        hosts[0].heard.len() == 1
    });
    let begin = Instant::now();
    until("it was looked some times", &mut [&mut host], |hosts| {
        assert_eq!(look(hosts[0]), None, "all has arrived");
        begin.elapsed() > Duration::from_secs(40)
    });
    drop(host.consumer);
    for handler in handlers {
        handler.stop().await;
    }
}
