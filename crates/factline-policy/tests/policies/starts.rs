//! Where a policy begins that is new, and that one that is not goes on.

use std::sync::Arc;

use factline::error_chain;
use factline_kafka::KafkaConfig;
use tokio_util::sync::CancellationToken;

use crate::policies::{CountFromTheBeginning, CountInWords, CountPasses};
use crate::rig::{PATIENCE, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_begins_now_or_at_the_beginning_and_goes_on_where_it_was() {
    let rig = Rig::new("starts").await;
    let handlers = rig.handlers().await;
    // Facts before either was provisioned, on every partition.
    for gate in 0..9 {
        rig.pass(&format!("g-{gate}"), "old", 1).await;
    }
    rig.until_passed(9).await;
    let now = rig.policy::<CountPasses>("a").await;
    let beginning = rig.policy::<CountFromTheBeginning>("a").await;
    rig.until_ready("policy tally.count-passes").await;
    rig.pass("g-1", "new", 1).await;
    // Nine of old, and the new one twice: each policy has commands of its own.
    let by_policy = async |name: &str| {
        let sent = rig.sent().await;
        let of = |child: &&factline::Envelope| child.source == format!("/policies/{name}");
        sent.iter().filter(of).count()
    };
    rig.until_counted(11).await;
    assert_eq!(by_policy("tally.count-passes").await, 1);
    assert_eq!(by_policy("tally.count-from-the-beginning").await, 10);
    now.stop().await;
    beginning.stop().await;
    // What happens while it is away is not missed, though it is provisioned again.
    rig.pass("g-2", "away", 1).await;
    rig.until_passed(11).await;
    let now = rig.policy::<CountPasses>("a").await;
    rig.until_counted(12).await;
    assert_eq!(by_policy("tally.count-passes").await, 2);
    now.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_was_not_provisioned_stands_still_and_says_so() {
    let rig = Rig::new("unprovisioned").await;
    let policy = rig.launch::<CountPasses>("a");
    rig.until_it_says("policy tally.count-passes", "no committed offset")
        .await;
    policy.stop().await;
}

/// Two processes in one slot take it from each other, and one of them ends for it; the other goes on. (To lose it once is no
/// reason to end: a process can lose it to itself, when its session has timed out.)
#[tokio::test(flavor = "multi_thread")]
async fn of_two_in_one_slot_one_ends() {
    let rig = Rig::new("slot").await;
    factline_policy::provision::<CountPasses>(&rig.kafka)
        .await
        .unwrap();
    let kafka = KafkaConfig {
        instance: "a".to_owned(),
        ..rig.kafka.clone()
    };
    let stop = CancellationToken::new();
    let run = || {
        let report: factline_policy::Report = Arc::new(|_, _| {});
        tokio::spawn(factline_policy::run::<CountPasses>(
            kafka.clone(),
            report,
            stop.clone(),
        ))
    };
    let (mut first, mut second) = (run(), run());
    let (ended, other) = tokio::select! {
        ended = &mut first => (ended, second),
        ended = &mut second => (ended, first),
    };
    assert!(matches!(
        ended.unwrap(),
        Err(factline_policy::Error::Subscription(factline_policy::subscription::Error::SlotTaken { instance, .. })) if instance == "a"
    ));
    assert!(!other.is_finished());
    stop.cancel();
    other.await.unwrap().unwrap();
}

/// Not with the first fact, which may come at night.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_commands_the_registry_refuses_does_not_begin() {
    let rig = Rig::new("words").await;
    factline_policy::provision::<CountInWords>(&rig.kafka)
        .await
        .unwrap();
    let report: factline_policy::Report = Arc::new(|_, _| {});
    let stop = CancellationToken::new();
    let run = factline_policy::run::<CountInWords>(rig.kafka.clone(), report, stop);
    let error = tokio::time::timeout(PATIENCE, run)
        .await
        .unwrap()
        .unwrap_err();
    let text = error_chain(&error);
    assert!(
        text.starts_with("policy tally.count-in-words cannot ask tally.counter: schema of "),
        "{text}"
    );
    assert!(
        text.contains("is incompatible with an earlier one"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_finds_no_registry_waits_for_it() {
    let mut rig = Rig::new("registry").await;
    factline_policy::provision::<CountPasses>(&rig.kafka)
        .await
        .unwrap();
    let url = std::mem::replace(&mut rig.kafka.registry_url, "http://127.0.0.1:9".to_owned());
    let policy = rig.launch::<CountPasses>("a");
    rig.until_it_says("policy tally.count-passes", "registry cannot be reached")
        .await;
    policy.stop().await;
    rig.kafka.registry_url = url;
    let policy = rig.launch::<CountPasses>("a");
    rig.until_ready("policy tally.count-passes").await;
    policy.stop().await;
}
