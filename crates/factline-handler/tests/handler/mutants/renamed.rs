//! The group has forgotten a handler that asked to join it again: meanwhile another had its partitions. When it is heard, it is
//! given them under another id, and as its client still has them, nobody tells the worker that they were away.

use factline_failpoints::Mutant;

use super::{Wrong, environment, finds, passes, patience};
use crate::judge::judge;
use crate::line::Line;
use crate::process::Process;
use crate::rig::Rig;
use crate::takeover::accounts;

async fn another_had_them_meanwhile(mutant: Option<Mutant>) -> Wrong {
    let (line, servers, address) = Line::to_servers().await;
    let mut rig = Rig::on(servers, "renamed").await;
    let direct = std::mem::replace(&mut rig.kafka.brokers, address);
    // In a slot it is given them at once, without it not before it has given back what it had.
    let _first = Process::start_with(&rig, "a", &environment(mutant, &[]));
    let mut operations = Vec::new();
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;

    line.hold_joins(true);
    rig.kafka.brokers = direct;
    let second = rig.start("").await;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;
    second.stop().await;
    line.hold_joins(false);

    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_starts_anew() {
    passes(another_had_them_meanwhile).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_any_member_is_detected() {
    finds(Mutant::AnyMember, 2, another_had_them_meanwhile).await;
}
