//! An operator moves the offsets of a policy's group. Commands that were sent before are recognized
//! as repeats although the handler does not remember their ids; commands of skipped facts are
//! decided when the policy returns to them.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

use factline::AggregateType as _;
use factline_kafka::topics::policy_group;
use factline_testkit::eventually;

use crate::gate::{CounterEvent, GATE, GateType};
use crate::policies::CountPasses;
use crate::rig::Rig;

/// Moves the offsets of the group on the events topic, as an operator does: while the group has no
/// member.
async fn move_offsets(rig: &Rig, to: fn((i64, i64)) -> i64) {
    let group = policy_group(&rig.kafka.topic_prefix, "tally.count-passes");
    let client: BaseConsumer = rig
        .kafka
        .client_config()
        .set("group.id", group)
        .create()
        .unwrap();
    let topic = rig.kafka.topics(&GATE).events().to_owned();
    let mut offsets = TopicPartitionList::new();
    for partition in 0..GateType::PARTITIONS {
        let ends = client.fetch_watermarks(&topic, partition, Duration::from_secs(10));
        let offset = Offset::Offset(to(ends.unwrap()));
        offsets
            .add_partition_offset(&topic, partition, offset)
            .unwrap();
    }
    eventually("the group has no member any more", async || {
        client.commit(&offsets, CommitMode::Sync).is_ok()
    })
    .await;
}

async fn amounts(rig: &Rig, count: usize) -> Vec<i64> {
    let counted = rig.until_counted(count).await.into_iter();
    let amount = |(_, CounterEvent::Counted(event))| event.amount;
    let mut amounts: Vec<i64> = counted.map(amount).collect();
    amounts.sort_unstable();
    amounts
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_facts_are_handled_on_return_and_others_are_not_repeated() {
    let rig = Rig::new("moves").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready("policy tally.count-passes").await;
    for (count, amount) in [(1, 3), (2, 4)] {
        rig.pass("g-1", "c", amount).await;
        amounts(&rig, count).await;
    }
    policy.stop().await;
    rig.pass("g-1", "c", 5).await;
    rig.until_passed(3).await;
    move_offsets(&rig, |(_, end)| end).await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.pass("g-1", "c", 6).await;
    assert_eq!(amounts(&rig, 3).await, [3, 4, 6]);
    policy.stop().await;

    move_offsets(&rig, |(begin, _)| begin).await;
    let policy = rig.policy::<CountPasses>("a").await;
    // All commands go to one counter, so the last one is decided after the repeats.
    rig.pass("g-1", "c", 7).await;
    assert_eq!(amounts(&rig, 5).await, [3, 4, 5, 6, 7]);
    assert_eq!(rig.sent().await.len(), 8);
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}
