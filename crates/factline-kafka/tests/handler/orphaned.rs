//! Partitions that a group has given to nobody.

use crate::line::Line;
use crate::rig::{Rig, eventually};

/// In a cooperative rebalance partitions leave in one generation, and come to others in the next. The coordinator crashes
/// between the two and comes back with the first; a member that comes back in its slot is given what it had in it, without
/// another rebalance. Everybody is ready, and some partitions are nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_a_crashed_coordinator_gave_to_nobody_find_somebody() {
    let (line, servers, address) = Line::to_servers().await;
    let mut rig = Rig::on(servers, "orphaned").await;
    rig.kafka.brokers = address;
    // The member that comes back has so long to come, else the group shares out anew.
    rig.options.session_timeout_ms = 10_000;
    let a = rig.start("a").await;
    line.halve_a_rebalance();
    let b = rig.launch("b");
    eventually("half a rebalance", async || line.has_halved()).await;
    tokio::task::spawn_blocking(|| servers.kafka.kill())
        .await
        .unwrap()
        .unwrap();
    a.stop().await;
    line.pass();
    let a = rig.launch("a");
    tokio::task::spawn_blocking(|| servers.kafka.start())
        .await
        .unwrap()
        .unwrap();

    let mut operations = Vec::new();
    for account in 0..30 {
        operations.push(rig.deposit(&format!("account-{account}"), 1).await);
    }
    let balances = rig.check(&operations).await;
    assert_eq!(balances.len(), 30);
    let told = || {
        let said = [&a, &b].map(|handler| handler.said.lock().unwrap().join("; "));
        said.join("; ").contains("nobody in the group has")
    };
    assert!(told(), "there were partitions of nobody");
    for handler in [a, b] {
        handler.stop().await;
    }
}
