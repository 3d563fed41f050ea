//! Partitions that a group has given to nobody.

use std::time::Duration;

use tokio::time::timeout;

use crate::line::Line;
use crate::rig::{Rig, eventually};

const ACCOUNTS: usize = 30;

/// For how long nobody may have done anything about it: it is looked for every quarter of a minute, twice.
const AS_IT_IS: Duration = Duration::from_secs(5);

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
    for account in 0..ACCOUNTS {
        operations.push(rig.deposit(&format!("account-{account}"), 1).await);
    }
    eventually("all are ready", async || {
        [&a, &b]
            .iter()
            .all(|handler| handler.state() == Some(Ok(())))
    })
    .await;
    let early = timeout(AS_IT_IS, rig.outcomes_of(&operations)).await;
    assert!(early.is_err(), "no partition was nobody's");
    assert_eq!(rig.check(&operations).await.len(), ACCOUNTS);
    for handler in [a, b] {
        handler.stop().await;
    }
}
