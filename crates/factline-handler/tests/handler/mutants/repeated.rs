//! Commands are repeated, as by an edge that received no response: immediately, and after the
//! handler that decided them was killed.

use factline_failpoints::Mutant;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::account::{Command, Deposit, Withdraw};
use crate::judge::judge;
use crate::process::Process;
use crate::rig::Rig;
use crate::takeover::accounts;

/// Returns three commands for each partition: one that is accepted, one that changes nothing, and
/// one that is rejected.
fn commands() -> Vec<(Uuid, String, Command)> {
    let asked = |account: String| {
        let asked: [Command; 3] = [
            Deposit { amount: 1 }.into(),
            Deposit { amount: 0 }.into(),
            Withdraw { amount: 9 }.into(),
        ];
        asked.map(|command| (Uuid::now_v7(), account.clone(), command))
    };
    accounts().into_iter().flat_map(asked).collect()
}

async fn commands_are_repeated(mutant: Option<Mutant>) -> Wrong {
    let rig = Rig::new("repeated").await;
    let commands = commands();
    let operations: Vec<Uuid> = commands.iter().map(|(operation, ..)| *operation).collect();
    let send = async || {
        for (operation, account, command) in &commands {
            rig.send(*operation, account, command).await;
        }
    };
    let start = || Process::start_with(&rig, "a", &environment(mutant, &[]));
    // Repeated immediately, and after the first batch.
    send().await;
    send().await;
    let mut handler = start();
    rig.outcomes_of(&operations).await;
    send().await;
    handler.kill();
    // Repeated again after the state in memory is lost. Once the last commands are handled, all
    // earlier ones are, too.
    send().await;
    let _handler = start();
    let mut operations = operations;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    judge(&rig, &operations, patience(mutant)).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_commands_are_decided_once() {
    passes(commands_are_repeated).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_no_dedupe_is_detected() {
    finds(Mutant::NoDedupe, 1, commands_are_repeated).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_forget_dedupe_is_detected() {
    finds(Mutant::ForgetDedupe, 1, commands_are_repeated).await;
}
