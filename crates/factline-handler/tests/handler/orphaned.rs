//! Partitions that no group member owns.

use std::time::Duration;

use tokio::time::timeout;

use crate::proxy::Proxy;
use crate::rig::{Rig, eventually};

const ACCOUNTS: usize = 30;

/// Time in which the partitions must still be without an owner. The handler checks for such
/// partitions every 15 seconds, and acts after two checks.
const WITHOUT_OWNER: Duration = Duration::from_secs(5);

/// In a cooperative rebalance, partitions are revoked in one generation and assigned to other
/// members in the next. Here the coordinator crashes between the two and restarts with the first
/// generation. A member that restarts with its instance id gets its previous assignment without
/// another rebalance. All members are ready, and some partitions have no owner.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_without_owner_are_reassigned_after_a_coordinator_crash() {
    let (proxy, servers, address) = Proxy::to_servers().await;
    let mut rig = Rig::on(servers, "orphaned").await;
    rig.kafka.brokers = address;
    // The member must restart within this time. Otherwise the group rebalances.
    rig.options.session_timeout_ms = 10_000;
    let a = rig.start("a").await;
    proxy.halve_a_rebalance();
    let b = rig.launch("b");
    eventually("the rebalance is halved", async || proxy.has_halved()).await;
    tokio::task::spawn_blocking(|| servers.kafka.kill())
        .await
        .unwrap()
        .unwrap();
    a.stop().await;
    proxy.reset();
    let a = rig.launch("a");
    tokio::task::spawn_blocking(|| servers.kafka.start())
        .await
        .unwrap()
        .unwrap();

    let mut operations = Vec::new();
    for account in 0..ACCOUNTS {
        operations.push(rig.deposit(&format!("account-{account}"), 1).await);
    }
    eventually("both handlers are ready", async || {
        [&a, &b]
            .iter()
            .all(|handler| handler.state() == Some(Ok(())))
    })
    .await;
    let early = timeout(WITHOUT_OWNER, rig.outcomes_of(&operations)).await;
    assert!(early.is_err(), "every partition had an owner");
    assert_eq!(rig.check(&operations).await.len(), ACCOUNTS);
    for handler in [a, b] {
        handler.stop().await;
    }
}
