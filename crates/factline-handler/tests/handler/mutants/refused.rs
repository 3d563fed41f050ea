//! The broker rejects a record of a batch as larger than the topic allows. The transaction is
//! aborted, and its commands are decided again in smaller batches.
//!
//! A handler that keeps a batch which it has decided on the rejected one skips the commands of that
//! one. A handler that adopts state before the commit treats these commands as decided, and they
//! never end. Without the flush, the rejection arrives after the commit was requested. Then the
//! result of the transaction is unknown, and so is the command at fault.
//!
//! (A missing flush has another possible harm: events behind the end to which a successor reads. It
//! does not occur in this handler. A successor asks for the stable offsets first, and the open
//! transaction holds these back, see
//! `foreign::takeover_waits_for_an_open_transaction_with_offsets`. The two rules cover each other.)

use factline_failpoints::Mutant;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::account;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::Rig;

/// Sends commands of one aggregate. Returns them, and the index of the one whose event is too large
/// for the broker.
pub(crate) async fn one_is_too_large(rig: &Rig) -> (Vec<Uuid>, usize) {
    const LARGE: usize = 13;
    let smaller = [("max.message.bytes", "100000")];
    rig.fixture.configure(rig.topics.events(), &smaller).await;
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

/// The batch after the one at fault is decided while that one is sent.
async fn one_of_several_batches_is_too_large(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("ahead").await;
    let (operations, _) = one_is_too_large(&rig).await;
    let small = [("FACTLINE_MAX_BATCH", "4")];
    let _handler = Process::start_with(&rig, "a", &environment(mutant, &small));
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_record_affects_no_other_command() {
    passes(one_of_a_batch_is_too_large).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_record_affects_no_batch_that_was_decided_on_it() {
    passes(one_of_several_batches_is_too_large).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_keep_next_is_detected() {
    finds(Mutant::KeepNext, 2, one_of_several_batches_is_too_large).await;
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
