//! Partitions move to a second handler while the first one is healthy.

use factline_failpoints::Mutant;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::deadlines::schedule;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::Rig;
use crate::takeover::accounts;

/// Deadlines come due after their partitions have moved. The former owner must not decide them.
/// Kafka would accept its transaction, because it is a member of the group and Kafka does not check
/// who owns a partition.
async fn deadlines_come_due_elsewhere(mutant: Option<Mutant>) -> Wrong {
    const DEADLINES: usize = 40;
    let rig = Rig::new("moved").await;
    let _first = Process::start_with(&rig, "", &environment(mutant, &[]));
    let mut operations: Vec<Uuid> = Vec::new();
    for number in 0..DEADLINES {
        let account = format!("account-{number}");
        operations.push(schedule(&rig, &account, 6_000, 1, false).await);
    }
    rig.outcomes_of(&operations).await;
    let second = rig.start("").await;
    rig.until_deadlines_decided(DEADLINES).await;
    // A handler that wakes somewhat later has its turn before these deadlines are decided.
    for account in accounts() {
        operations.push(schedule(&rig, &account, 1_000, 1, true).await);
    }
    let wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    second.stop().await;
    wrong
}

/// The generation of the group changes between two transactions of the first handler.
async fn another_joins_between_two_transactions(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("joined").await;
    let _first = Process::start_with(&rig, "", &environment(mutant, &[]));
    let mut operations = Vec::new();
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;
    let second = rig.start("").await;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    let wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    second.stop().await;
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_move_with_their_partition() {
    passes(deadlines_come_due_elsewhere).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_keep_revoked_is_detected() {
    finds(Mutant::KeepRevoked, 3, deadlines_come_due_elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn remaining_member_continues_when_another_joins() {
    passes(another_joins_between_two_transactions).await;
}

/// The log stays correct, because Kafka rejects the old generation. But a handler that keeps the
/// old generation never commits again.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_stale_metadata_is_detected() {
    finds(
        Mutant::StaleMetadata,
        1,
        another_joins_between_two_transactions,
    )
    .await;
}
