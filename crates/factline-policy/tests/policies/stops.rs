//! A permanent failure halts one partition, is reported, and does not affect the others.

use crate::gate::GATE;
use crate::policies::{CountPasses, PANICS, TOO_LARGE, UNDECLARED_TARGET};
use crate::rig::{Rig, eventually};
use factline_kafka::topics::partition_of;

const POLICY: &str = "policy tally.count-passes";

/// Returns one gate for each partition.
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
async fn poison_event_halts_only_its_partition() {
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
    rig.until_halted(POLICY, "tally.gate.events/0").await;
    rig.until_it_reports(POLICY, "panicked: panic requested by the test")
        .await;
    rig.until_halted(POLICY, "tally.gate.events/1").await;
    rig.until_it_reports(POLICY, "MessageSizeTooLarge").await;
    for gate in &gates {
        rig.pass(gate, "after", 1).await;
    }
    let counted = rig.until_counted(3).await;
    assert_eq!(counted[2].0.process_id.as_ref(), Some(&gates[2]));
    policy.stop().await;
    // A restarted policy halts at the same facts and does not handle the earlier ones again.
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_halted(POLICY, "tally.gate.events/0").await;
    rig.until_halted(POLICY, "tally.gate.events/1").await;
    rig.pass(&gates[2], "after", 1).await;
    assert_eq!(rig.until_counted(4).await.len(), 4);
    // Commands of a batch that contains a poison fact may be sent again. Their ids are the same.
    let sent = rig.sent().await;
    let ids: std::collections::HashSet<_> = sent.iter().map(|child| child.id).collect();
    assert_eq!(ids.len(), 4);
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn command_for_an_undeclared_target_halts_the_partition() {
    let rig = Rig::new("undeclared").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass("g", "c", UNDECLARED_TARGET).await;
    rig.until_it_reports(
        POLICY,
        "tally.gate is not a target of the policy: add its contract to TARGETS",
    )
    .await;
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_event_halts_its_partition() {
    let rig = Rig::new("unreadable").await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    let topics = rig.kafka.topics(&GATE);
    rig.append(topics.events(), 2, "g", &[], b"nonsense").await;
    rig.until_halted(POLICY, "tally.gate.events/2").await;
    rig.until_it_reports(POLICY, "header ce_id is missing")
        .await;
    policy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_policy_commits_past_transaction_markers() {
    let rig = Rig::new("markers").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass("g-1", "c", 1).await;
    rig.until_counted(1).await;
    let partition = partition_of(b"g-1", GATE.partitions);
    let topics = rig.kafka.topics(&GATE);
    // One record and the marker after it.
    for topic in [topics.events(), topics.outcomes()] {
        eventually("the group has caught up", async || {
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
