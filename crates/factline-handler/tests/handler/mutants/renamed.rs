//! The group has removed a member whose request to rejoin was held back. Meanwhile another member
//! owned its partitions. When the request arrives, the member gets the partitions back under a new
//! member id. Its client never released them, so no rebalance event informs the worker that another
//! member owned them.

use factline_failpoints::Mutant;

use super::{Wrong, environment, finds, passes, patience};
use crate::judge::judge;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::rig::Rig;
use crate::takeover::accounts;

async fn another_member_owned_the_partitions(mutant: Option<Mutant>) -> Wrong {
    let (proxy, servers, address) = Proxy::to_servers().await;
    let mut rig = Rig::on(servers, "renamed").await;
    let direct = std::mem::replace(&mut rig.kafka.brokers, address);
    // With an instance id the member gets the partitions back at once. Without one it must revoke
    // them first.
    let _first = Process::start_with(&rig, "a", &environment(mutant, &[]));
    let mut operations = Vec::new();
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;

    proxy.hold_joins(true);
    rig.kafka.brokers = direct;
    let second = rig.start("").await;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;
    second.stop().await;
    proxy.hold_joins(false);

    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_with_a_new_member_id_restarts() {
    passes(another_member_owned_the_partitions).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_any_member_is_detected() {
    finds(Mutant::AnyMember, 2, another_member_owned_the_partitions).await;
}
