//! Partitions move to a second handler while all is well with the first.

use factline::outcome::OutcomeKind;
use factline_failpoints::Mutant;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::deadlines::schedule;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{Rig, eventually};
use crate::takeover::accounts;

/// Deadlines come due when their partitions have moved: who had them before may not decide them, and Kafka would let it,
/// since it is a member of the group and no owner is checked.
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
    eventually("the deadlines are decided", async || {
        let outcomes = rig.outcomes().await;
        let deadlines = outcomes
            .iter()
            .filter(|outcome| outcome.kind == OutcomeKind::Deadline);
        deadlines.count() >= DEADLINES
    })
    .await;
    // Who wakes somewhat later has its turn before these are decided.
    for account in accounts() {
        operations.push(schedule(&rig, &account, 1_000, 1, true).await);
    }
    let wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    second.stop().await;
    wrong
}

/// The group's generation changes between two transactions of the first.
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
async fn who_stays_goes_on_when_another_joins() {
    passes(another_joins_between_two_transactions).await;
}

/// It does no harm to the log: Kafka refuses the old generation. But whoever goes on with it never commits again.
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
