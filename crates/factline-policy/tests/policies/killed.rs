//! The host of a policy runs as a separate process, which is killed repeatedly under load.
//!
//! The process pauses at random after it has sent commands and before it commits the offsets of
//! their facts, so that kills happen there. The restarted process sends these commands again, and
//! each must be handled once.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use factline::id;
use factline_kafka::KafkaConfig;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use crate::gate::{GATE, GateEvent};
use crate::policies::CountPasses;
use crate::rig::{Rig, eventually};

const BROKERS: &str = "POLICIES_TEST_BROKERS";
const REGISTRY: &str = "POLICIES_TEST_REGISTRY";
const PREFIX: &str = "POLICIES_TEST_PREFIX";
const SLOT: &str = "POLICIES_TEST_SLOT";

/// Not a test: the process that the test below starts. It ends when its standard input closes, so
/// that it does not outlive the test.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "child process that another test starts"]
async fn host() {
    let from = |name| std::env::var(name).unwrap_or_default();
    let kafka = KafkaConfig {
        brokers: from(BROKERS),
        registry_url: from(REGISTRY),
        topic_prefix: from(PREFIX),
        instance: from(SLOT),
        ..KafkaConfig::default()
    };
    let stop = CancellationToken::new();
    let stops = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        stops.cancel();
    });
    let report: factline_policy::Report = Arc::new(|_, _| {});
    factline_policy::run::<CountPasses>(kafka, report, stop)
        .await
        .unwrap();
}

fn start(rig: &Rig, slot: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::host", "--exact", "--ignored", "--quiet"])
        .env(BROKERS, &rig.kafka.brokers)
        .env(REGISTRY, &rig.kafka.registry_url)
        .env(PREFIX, &rig.kafka.topic_prefix)
        .env(SLOT, slot)
        .env("FACTLINE_PAUSES", "emitted=0.5:1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_hosts_handle_each_fact_once() {
    let mut random = factline_testkit::seeded_random();
    let rig = Arc::new(Rig::new("killed").await);
    let handlers = rig.handlers().await;
    factline_policy::provision::<CountPasses>(&rig.kafka)
        .await
        .unwrap();
    let enough = CancellationToken::new();
    let load = tokio::spawn({
        let (rig, enough) = (Arc::clone(&rig), enough.clone());
        async move {
            let mut count = 0_u32;
            while !enough.is_cancelled() {
                let gates: Vec<String> = (0..20).map(|gate| format!("g-{gate}")).collect();
                let all = gates.iter().map(|gate| rig.pass(gate, "c", 1));
                for pass in all {
                    pass.await;
                    count += 1;
                }
                // Enough load that the hosts always have work, and little enough that reading the
                // topics does not dominate the test.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            count
        }
    });

    // Two hosts are killed and restarted with the same instance ids. A third one joins and leaves
    // regularly.
    let mut hosts = [start(&rig, "a"), start(&rig, "b")];
    let mut guest = start(&rig, "c");
    let mut kills = 0;
    loop {
        // Kill during work: wait until a command has been sent since the last kill.
        let before = rig.sent().await.len();
        eventually("commands are sent", async || {
            rig.sent().await.len() > before
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        let killed = random.random_range(0..2);
        hosts[killed].kill().unwrap();
        hosts[killed].wait().unwrap();
        hosts[killed] = start(&rig, ["a", "b"][killed]);
        kills += 1;
        if kills % 5 == 0 {
            drop(guest.stdin.take());
            let left = tokio::task::spawn_blocking(move || guest.wait()).await;
            assert!(left.unwrap().unwrap().success());
            guest = start(&rig, "c");
        }
        // Repeat until commands were sent twice, which must have no effect. Stop after 30 kills at
        // the latest.
        let sent = rig.sent().await;
        let ids: HashSet<_> = sent.iter().map(|child| child.id).collect();
        let again = sent.len() - ids.len();
        if (kills >= 10 && again > 0) || kills >= 30 {
            eprintln!(
                "{kills} kills, {} commands sent, {again} of them repeated",
                sent.len()
            );
            // Without failpoints no process pauses there, so a repetition depends on chance.
            assert!(
                again > 0 || !factline_failpoints::ENABLED,
                "no kill happened between sending and committing"
            );
            break;
        }
    }
    enough.cancel();
    let passed = load.await.unwrap();
    for mut host in hosts {
        host.kill().unwrap();
        host.wait().unwrap();
    }
    drop(guest.stdin.take());
    guest.wait().unwrap();
    let last = rig.launch::<CountPasses>("a");
    rig.until_counted(passed as usize).await;
    rig.until_reacted("policy.tally.count-passes").await;
    last.stop().await;
    rig.until_handled().await;

    // Each fact was counted once.
    let facts = rig.events::<GateEvent>(&GATE).await;
    assert_eq!(facts.len(), passed as usize);
    let mut by_fact: BTreeMap<_, u32> = BTreeMap::new();
    for (envelope, _) in rig.counted().await {
        *by_fact.entry(envelope.operation).or_default() += 1;
    }
    let expected = facts
        .iter()
        .map(|(fact, _)| (id::emitted("tally.count-passes", fact.id, 0), 1));
    assert_eq!(by_fact, expected.collect());
    for handler in handlers {
        handler.stop().await;
    }
}
