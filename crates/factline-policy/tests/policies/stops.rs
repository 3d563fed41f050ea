//! What never passes stops one partition, says so, and leaves the others alone.

use crate::gate::GATE;
use crate::policies::{CountPasses, PANICS, STRANGER, TOO_LARGE};
use crate::rig::{Rig, eventually};
use factline_kafka::topics::partition_of;

const POLICY: &str = "policy tally.count-passes";

/// A gate on each partition.
fn gates() -> Vec<String> {
    let on = |partition| {
        let mut names = (0..1000).map(|number| format!("g-{number}"));
        names.find(|name| partition_of(name.as_bytes(), GATE.partitions) == partition)
    };
    (0..GATE.partitions)
        .map(|partition| on(partition).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_stops_its_partition_and_no_other() {
    let rig = Rig::new("poison").await;
    let handlers = rig.handlers().await;
    let gates = gates();
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass(&gates[0], "before", 1).await;
    rig.pass(&gates[1], "before", 1).await;
    rig.until_counted(2).await;
    rig.pass(&gates[0], "poison", PANICS).await;
    rig.pass(&gates[1], "poison", TOO_LARGE).await;
    rig.until_it_says(POLICY, "tally.gate.events/0 is stopped: record")
        .await;
    rig.until_it_says(POLICY, "panicked: told to").await;
    rig.until_it_says(POLICY, "tally.gate.events/1 is stopped: record")
        .await;
    rig.until_it_says(POLICY, "MessageSizeTooLarge").await;
    for gate in &gates {
        rig.pass(gate, "after", 1).await;
    }
    let counted = rig.until_counted(3).await;
    assert_eq!(counted[2].0.process_id.as_ref(), Some(&gates[2]));
    policy.stop().await;
    // Started again, it stands before the same facts, and what came before them is not done again.
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_it_says(POLICY, "tally.gate.events/0 is stopped: record")
        .await;
    rig.until_it_says(POLICY, "tally.gate.events/1 is stopped: record")
        .await;
    rig.pass(&gates[2], "after", 1).await;
    assert_eq!(rig.until_counted(4).await.len(), 4);
    // What shares a batch with a poison may be sent again; it is the same command.
    let sent = rig.sent().await;
    let ids: std::collections::HashSet<_> = sent.iter().map(|child| child.id).collect();
    assert_eq!(ids.len(), 4);
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_asks_somebody_else_stops() {
    let rig = Rig::new("stranger").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass("g", "c", STRANGER).await;
    rig.until_it_says(POLICY, "tally.gate is none of its targets")
        .await;
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_stops_its_partition() {
    let rig = Rig::new("unreadable").await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    let topics = rig.kafka.topics(&GATE);
    rig.append(topics.events(), 2, "g", &[], b"nonsense").await;
    rig.until_it_says(POLICY, "tally.gate.events/2 is stopped: record")
        .await;
    rig.until_it_says(POLICY, "header ce_id is missing").await;
    policy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_policy_passes_the_markers_of_transactions() {
    let rig = Rig::new("markers").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass("g-1", "c", 1).await;
    rig.until_counted(1).await;
    let partition = partition_of(b"g-1", GATE.partitions);
    let topics = rig.kafka.topics(&GATE);
    // One record and the marker behind it.
    for topic in [topics.events(), topics.outcomes()] {
        eventually("the group is at the end", async || {
            rig.place("policy.tally.count-passes", topic, partition)
                .await
                == (2, 2)
        })
        .await;
    }
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}
