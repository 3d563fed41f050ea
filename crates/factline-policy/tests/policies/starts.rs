//! Start position of a new policy, and the position at which a restarted one resumes.

use std::sync::Arc;

use factline_kafka::KafkaConfig;
use factline_kafka::records::registry;
use tokio_util::sync::CancellationToken;

use crate::policies::{CountFromTheBeginning, CountInWords, CountPasses};
use crate::rig::{PATIENCE, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn policy_starts_at_its_start_position_and_resumes_after_restart() {
    let rig = Rig::new("starts").await;
    let handlers = rig.handlers().await;
    // Facts that precede the provisioning of both policies, on every partition.
    for gate in 0..9 {
        rig.pass(&format!("g-{gate}"), "old", 1).await;
    }
    rig.until_passed(9).await;
    let now = rig.policy::<CountPasses>("a").await;
    let beginning = rig.policy::<CountFromTheBeginning>("a").await;
    rig.until_ready("policy tally.count-passes").await;
    rig.pass("g-1", "new", 1).await;
    // Nine old passes, and the new pass twice: each policy sends separate commands.
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
    // Facts of the time in which the policy is down are not missed, although it is provisioned
    // again.
    rig.pass("g-2", "down", 1).await;
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
async fn unprovisioned_policy_waits_and_reports_the_missing_offset() {
    let rig = Rig::new("unprovisioned").await;
    let policy = rig.launch::<CountPasses>("a");
    rig.until_it_reports("policy tally.count-passes", "no committed offset")
        .await;
    policy.stop().await;
}

/// Two processes with the same instance id fence each other. One of them ends with an error, and
/// the other continues. (A single fencing is no reason to end: a process can fence itself when its
/// session timed out.)
#[tokio::test(flavor = "multi_thread")]
async fn duplicate_instance_id_ends_one_member() {
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

/// The policy fails at its start, and not at the first fact, which may come at night.
#[tokio::test(flavor = "multi_thread")]
async fn policy_with_incompatible_command_schema_does_not_start() {
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
    assert!(
        matches!(
            error,
            factline_policy::Error::Target {
                policy: "tally.count-in-words",
                aggregate: "tally.counter",
                source: registry::Error::Incompatible { .. },
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_waits_for_an_unavailable_registry() {
    let mut rig = Rig::new("registry").await;
    factline_policy::provision::<CountPasses>(&rig.kafka)
        .await
        .unwrap();
    let url = std::mem::replace(&mut rig.kafka.registry_url, "http://127.0.0.1:9".to_owned());
    let policy = rig.launch::<CountPasses>("a");
    rig.until_it_reports("policy tally.count-passes", "registry cannot be reached")
        .await;
    policy.stop().await;
    rig.kafka.registry_url = url;
    let policy = rig.launch::<CountPasses>("a");
    rig.until_ready("policy tally.count-passes").await;
    policy.stop().await;
}
