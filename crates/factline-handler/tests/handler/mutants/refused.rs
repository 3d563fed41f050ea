//! The broker refuses a record of a batch, as larger than the topic takes: the transaction is aborted, and what was decided
//! with it is decided again in smaller batches.
//!
//! State that was believed before the commit has those commands for decided, and they never end. Without the flush the refusal
//! is heard of when the commit was asked for already: then the outcome of the transaction is unknown, and whose fault it
//! was, too. (The other harm of a missing flush, events behind the end that a successor reads to, does not come about in this
//! handler: a successor asks for the stable offsets first, and these are held back by the open transaction, see
//! `foreign::a_take_over_waits_for_whoever_holds_an_offset`. The two rules cover each other.)

use factline_failpoints::Mutant;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::account;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::Rig;

/// Commands of one aggregate, and which of them leads to an event that the broker finds too large.
pub(crate) async fn one_is_too_large(rig: &Rig) -> (Vec<Uuid>, usize) {
    const LARGE: usize = 13;
    let admin: AdminClient<DefaultClientContext> = rig.kafka.client_config().create().unwrap();
    let smaller = AlterConfig::new(ResourceSpecifier::Topic(rig.topics.events()))
        .set("max.message.bytes", "100000");
    admin
        .alter_configs(&[smaller], &AdminOptions::new())
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let mut operations = Vec::new();
    for number in 0..20 {
        let amount = if number == LARGE {
            account::TOO_LARGE_FOR_THE_BROKER
        } else {
            1
        };
        operations.push(rig.deposit("ada", amount).await);
    }
    (operations, LARGE)
}

async fn one_of_a_batch_is_too_large(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("refused").await;
    let (operations, _) = one_is_too_large(&rig).await;
    let _handler = Process::start_with(&rig, "a", &environment(mutant, &[]));
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_costs_no_other_command() {
    passes(one_of_a_batch_is_too_large).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_adopt_before_commit_is_detected() {
    finds(Mutant::AdoptBeforeCommit, 2, one_of_a_batch_is_too_large).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_no_flush_is_detected() {
    finds(Mutant::NoFlush, 2, one_of_a_batch_is_too_large).await;
}
