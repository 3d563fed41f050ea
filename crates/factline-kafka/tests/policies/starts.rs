//! Where a policy begins that is new, and that one that is not goes on.

use crate::policies::{CountFromTheBeginning, CountPasses};
use crate::rig::Rig;

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
