//! Many commands race with their cancels, while handlers are killed. For each command, exactly one
//! of the two wins.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use factline::Outcome;
use factline::outcome::State;
use factline_failpoints::Mutant;
use rand::RngExt as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{Rig, eventually};

/// Number of commands, unless the environment has another one in `FACTLINE_CANCELS`.
const COMMANDS: usize = 2_000;
/// Number of tasks that send at the same time.
const SENDERS: usize = 32;
/// Maximum pause between a command and its cancel.
const MOST_PAUSE: Duration = Duration::from_millis(20);

/// A command and its cancel.
struct Pair {
    operation: Uuid,
    cancel: Uuid,
}

async fn commands_race_with_cancels(mutant: Option<Mutant>) -> Wrong {
    let count = std::env::var("FACTLINE_CANCELS").ok();
    let count = count.map_or(COMMANDS, |count| count.parse().unwrap());
    let rig = Arc::new(Rig::new("cancelled").await);
    let start = |instance: &str| Process::start_with(&rig, instance, &environment(mutant, &[]));
    let mut handlers = [start("a"), start("b")];
    let mut sending = JoinSet::new();
    for sender in 0..SENDERS {
        let rig = Arc::clone(&rig);
        sending.spawn(async move {
            let mut pairs = Vec::new();
            for number in (sender..count).step_by(SENDERS) {
                pairs.push(send(&rig, &format!("account-{}", number % 200)).await);
            }
            pairs
        });
    }
    // In the middle of it, each handler is killed once.
    let mut pairs = Vec::new();
    for (number, instance) in ["a", "b"].into_iter().enumerate() {
        eventually("a part of the commands is decided", async || {
            rig.outcomes().await.len() > count * (1 + 2 * number) / 4
        })
        .await;
        handlers[number].kill();
        handlers[number] = start(instance);
    }
    while let Some(sent) = sending.join_next().await {
        pairs.extend(sent.unwrap());
    }
    let operations: Vec<Uuid> = pairs
        .iter()
        .flat_map(|pair| [pair.operation, pair.cancel])
        .collect();
    let mut wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    wrong.extend(disagreements(&rig, &pairs).await);
    wrong
}

/// Sends a command, and its cancel at once or after a pause.
async fn send(rig: &Rig, account: &str) -> Pair {
    let (operation, pause) = {
        let mut random = rand::rng();
        let pause = random.random_range(Duration::ZERO..MOST_PAUSE);
        (Uuid::now_v7(), random.random_bool(0.7).then_some(pause))
    };
    let command = crate::account::Deposit { amount: 1 }.into();
    rig.send(operation, account, &command).await;
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
    let cancel = rig.cancel(account, operation).await;
    Pair { operation, cancel }
}

/// Returns the pairs whose outcomes and events contradict each other.
async fn disagreements(rig: &Rig, pairs: &[Pair]) -> Wrong {
    let outcomes = rig.outcomes().await.into_iter();
    let outcomes: HashMap<Uuid, Outcome> = outcomes
        .map(|outcome| (outcome.operation_id, outcome))
        .collect();
    let events = rig.events().await;
    let changed: HashSet<Uuid> = events
        .iter()
        .map(|(_, envelope, _)| envelope.operation)
        .collect();
    let end = |operation| {
        let outcome: Option<&Outcome> = outcomes.get(operation);
        outcome.map(|outcome| (outcome.state, outcome.code.as_deref()))
    };
    let cancelled = (
        Some((State::Cancelled, Some("cancelled"))),
        Some((State::Completed, None)),
    );
    let decided = (
        Some((State::Completed, None)),
        Some((State::Rejected, Some("too_late"))),
    );
    let mut split = [0, 0];
    let mut wrong = Vec::new();
    for Pair { operation, cancel } in pairs {
        let ends = (end(operation), end(cancel));
        match changed.contains(operation) {
            false if ends == cancelled => split[0] += 1,
            true if ends == decided => split[1] += 1,
            has_event => wrong.push(format!("{operation}: {ends:?}, event: {has_event}")),
        }
    }
    println!("{} cancelled, {} decided", split[0], split[1]);
    if wrong.is_empty() && split.contains(&0) {
        wrong.push(format!("no race: {split:?}"));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn command_is_cancelled_or_decided() {
    passes(commands_race_with_cancels).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_blind_cancel_is_detected() {
    finds(Mutant::BlindCancel, 1, commands_race_with_cancels).await;
}
