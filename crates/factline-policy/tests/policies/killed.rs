//! The host of a policy is a process of its own here, killed again and again under load.
//!
//! It stands still now and then when its commands are sent and their facts' offsets are not committed, so that kills fall
//! there: what it had sent is then sent again, and has to be handled once.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use factline::id;
use factline_kafka::KafkaConfig;
use tokio_util::sync::CancellationToken;

use crate::gate::{GATE, GateEvent};
use crate::policies::CountPasses;
use crate::rig::{Rig, config, eventually};

const BROKERS: &str = "POLICIES_TEST_BROKERS";
const REGISTRY: &str = "POLICIES_TEST_REGISTRY";
const PREFIX: &str = "POLICIES_TEST_PREFIX";
const SLOT: &str = "POLICIES_TEST_SLOT";

/// No test: the process that the test below starts. It ends when its standard input does, so that it outlives nobody.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that another test starts"]
async fn host() {
    let from = |name| std::env::var(name).unwrap_or_default();
    let kafka = KafkaConfig {
        instance: from(SLOT),
        ..config(&from(BROKERS), &from(REGISTRY), &from(PREFIX))
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
async fn each_fact_is_reacted_to_once_though_hosts_are_killed() {
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
                // Enough to be always at work, and not so much that reading it all is the test.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            count
        }
    });

    // Two that are killed and come back in their slots, and one that joins and leaves as it should.
    let mut hosts = [start(&rig, "a"), start(&rig, "b")];
    let mut guest = start(&rig, "c");
    let mut kills = 0;
    loop {
        // In the middle of its work: not before somebody has sent something since the last kill.
        let before = rig.sent().await.len();
        eventually("commands are sent", async || {
            rig.sent().await.len() > before
        })
        .await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..300))).await;
        let killed = rand::random_range(0..2);
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
        // Until commands were sent twice, which is what must not matter; but no test goes on for ever.
        let sent = rig.sent().await;
        let ids: HashSet<_> = sent.iter().map(|child| child.id).collect();
        let again = sent.len() - ids.len();
        if (kills >= 10 && again > 0) || kills >= 30 {
            eprintln!("{kills} kills, {} sent, {again} of them again", sent.len());
            // Without failpoints no process pauses there, and then it is luck.
            assert!(
                again > 0 || !factline_failpoints::ENABLED,
                "no kill fell between sending and committing"
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

    // Each fact, once.
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
