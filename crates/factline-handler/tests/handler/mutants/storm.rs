//! Random kills, stops and pauses under a load of commands, repetitions and deadlines.
//!
//! The other scenarios each target one rule. This one finds errors by chance, and exists for cases
//! that no scenario targets. The handler must pass it. The ignored test prints which mutants it
//! detects.

use std::time::{Duration, Instant};

use factline_failpoints::Mutant;
use factline_testkit::{seed, seeded_random};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use uuid::Uuid;

use super::{Wrong, environment};
use crate::account::Deposit;
use crate::deadlines::schedule;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{self, Rig};

const LENGTH: Duration = Duration::from_secs(25);
const WAYS: [(&str, &str); 4] = [
    ("FACTLINE_PAUSES", "*=0.2:1500"),
    // After a pause, there is more than one batch to decide.
    ("FACTLINE_MAX_BATCH", "10"),
    ("FACTLINE_SESSION_TIMEOUT_MS", "2000"),
    ("FACTLINE_TRANSACTION_TIMEOUT_MS", "6000"),
];
/// A process that is frozen for this long is expelled from the group.
const STOP: Duration = Duration::from_millis(3_500);
const SLOTS: [&str; 3] = ["0", "1", ""];

async fn storm(mutant: Option<Mutant>, seed: u64, patience: Duration) -> Wrong {
    let mut random = StdRng::seed_from_u64(seed);
    let rig = Rig::new("storm").await;
    let ways = environment(mutant, &WAYS);
    let start = |slot: usize| Process::start_with(&rig, SLOTS[slot], &ways);
    let mut processes = [start(0), start(1), start(2)];
    let mut stopped: Option<(usize, Instant)> = None;
    let mut operations: Vec<(Uuid, String)> = Vec::new();
    let (begin, mut next) = (Instant::now(), Instant::now());
    while begin.elapsed() < LENGTH {
        let account = format!("account-{}", random.random_range(0..24));
        match random.random_range(0..10) {
            0 | 1 => {
                let operation = schedule(&rig, &account, random.random_range(0..4_000), 1, false);
                operations.push((operation.await, account));
            }
            // The same command again.
            2 if !operations.is_empty() => {
                let (operation, account) = &operations[random.random_range(0..operations.len())];
                let deposit = Deposit { amount: 1 }.into();
                rig.send(*operation, account, &deposit).await;
            }
            _ => operations.push((rig.deposit(&account, 1).await, account)),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Some((slot, since)) = stopped
            && since.elapsed() > STOP
        {
            processes[slot].signal("-CONT");
            stopped = None;
        }
        if Instant::now() > next {
            next += Duration::from_millis(random.random_range(500..2_000));
            let slot = random.random_range(0..SLOTS.len());
            match stopped {
                Some((frozen, _)) if frozen == slot => {}
                None if random.random_bool(0.5) => {
                    processes[slot].signal("-STOP");
                    stopped = Some((slot, Instant::now()));
                }
                _ => {
                    processes[slot].kill();
                    processes[slot] = start(slot);
                }
            }
        }
    }
    if let Some((slot, _)) = stopped {
        processes[slot].signal("-CONT");
    }
    let operations: Vec<Uuid> = operations.into_iter().map(|(id, _)| id).collect();
    judge(&rig, &operations, patience).await.wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn storm_neither_loses_nor_repeats_commands() {
    let wrong = storm(None, seed(), rig::PATIENCE).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Prints for each mutant in how many of three storms it was detected. Asserts the mutants that a
/// storm always detects.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a storm for each mutant takes 15 minutes; the scenarios for single rules always run"]
async fn mutants_in_a_storm() {
    const STORMS: usize = 3;
    let of_others = [
        Mutant::BlindCheckpoint,
        Mutant::NoAbsorption,
        Mutant::UnorderedFeed,
    ];
    let of_the_handler = Mutant::ALL
        .into_iter()
        .filter(|mutant| !of_others.contains(mutant));
    let mut seeds = seeded_random();
    let mut missed = Vec::new();
    for mutant in of_the_handler {
        let mut found = Vec::new();
        for _ in 0..STORMS {
            found.extend(
                storm(Some(mutant), seeds.random(), Duration::from_secs(30))
                    .await
                    .into_iter()
                    .next(),
            );
        }
        println!(
            "| {} | {} of {STORMS} storms | {} |",
            mutant.name(),
            found.len(),
            found.first().map_or("", String::as_str)
        );
        if found.is_empty() {
            missed.push(mutant);
        }
    }
    // The other mutants are detected in some storms, or need the scenario for their rule.
    let sure = [Mutant::NoDedupe, Mutant::ForgetDedupe];
    let missed: Vec<_> = missed
        .into_iter()
        .filter(|mutant| sure.contains(mutant))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}
