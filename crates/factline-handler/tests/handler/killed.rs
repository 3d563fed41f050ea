//! Handlers as processes of their own, killed in the middle of what they do.

use std::time::Duration;

use factline::outcome::OutcomeKind;
use rand::{RngExt as _, SeedableRng as _};

use crate::deadlines::schedule;
use crate::process::Process;
use crate::rig::{Rig, eventually};

/// Ten thousand deadlines over three processes that are killed again and again, and all of them are down while many
/// come due: each is decided once, none early, none twice.
#[tokio::test(flavor = "multi_thread")]
async fn every_deadline_comes_once_over_processes_that_are_killed() {
    const DEADLINES: usize = 10_000;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let rig = Rig::new("killed").await;
    let instances = ["0", "1", "2"];
    let mut processes: Vec<_> = instances
        .iter()
        .map(|instance| Process::start(&rig, instance))
        .collect();
    let mut operations = Vec::with_capacity(DEADLINES);
    for number in 0..DEADLINES {
        let (account, after) = (format!("account-{number}"), random.random_range(0..20_000));
        operations.push(schedule(&rig, &account, after, 1, number % 3 == 0).await);
        if number % 1_000 == 999 {
            let victim = random.random_range(0..instances.len());
            processes[victim].restart(&rig, instances[victim]);
        }
    }
    // All down, while deadlines go on to come due.
    processes.clear();
    tokio::time::sleep(Duration::from_secs(3)).await;
    processes.extend(instances.map(|instance| Process::start(&rig, instance)));
    let decided = async || {
        let outcomes = rig.outcomes().await;
        outcomes
            .iter()
            .filter(|outcome| outcome.kind == OutcomeKind::Deadline)
            .count()
    };
    eventually("most deadlines are decided", async || {
        let victim = random.random_range(0..instances.len());
        processes[victim].restart(&rig, instances[victim]);
        decided().await > DEADLINES / 2
    })
    .await;
    eventually("every deadline is decided", async || {
        decided().await >= DEADLINES
    })
    .await;
    let balances = rig.check(&operations).await;
    assert_eq!(balances.len(), DEADLINES);
    assert!(balances.values().all(|balance| *balance == 1));
    assert_eq!(decided().await, DEADLINES);
    for (record, envelope, _) in rig.events().await {
        assert!(record.timestamp <= chrono::Utc::now());
        assert!(envelope.sequence <= Some(2), "decided twice: {envelope:?}");
    }
}

/// Two processes take turns to stand still for longer than their session lasts, in the middle of deadlines that come due. Who
/// comes back believes that it owns what another has decided meanwhile. (What it has under way then consumes no command: only
/// the offsets that it carries all the same make Kafka refuse it. To leave them out shows in few of such stops: the fault
/// has to fall between a decision and its first record.)
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_decides_nothing_that_another_has() {
    const ROUNDS: usize = 4;
    const DEADLINES: usize = 1_500;
    let rig = Rig::new("still").await;
    let instances = ["0", "1"];
    let processes = instances.map(|instance| Process::start(&rig, instance));
    let first = rig.deposit("account", 1).await;
    rig.outcomes_of(&[first]).await;
    let mut operations = Vec::new();
    for round in 0..ROUNDS {
        // They come due before one stands still, meanwhile, and when it is back.
        for number in 0..DEADLINES {
            let (account, number) = (format!("{round}-{number}"), i64::try_from(number).unwrap());
            operations.push(schedule(&rig, &account, 500 + number * 8, 1, false).await);
        }
        let still = &processes[round % processes.len()];
        still.signal("-STOP");
        // Longer than the session of 6 s: the condition is that the other is given everything, which takes so long.
        tokio::time::sleep(Duration::from_secs(9)).await;
        still.signal("-CONT");
        let due = (round + 1) * DEADLINES;
        eventually("the deadlines of the round are decided", async || {
            let outcomes = rig.outcomes().await;
            outcomes
                .iter()
                .filter(|outcome| outcome.kind == OutcomeKind::Deadline)
                .count()
                >= due
        })
        .await;
    }
    operations.push(first);
    let mut balances = rig.check(&operations).await;
    assert_eq!(balances.remove("account"), Some(1));
    assert_eq!(balances.len(), ROUNDS * DEADLINES);
    assert!(balances.values().all(|balance| *balance == 1));
}
