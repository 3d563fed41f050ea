//! Handlers as separate processes, killed in the middle of their work.

use std::time::Duration;

use rand::RngExt as _;

use crate::deadlines::schedule;
use crate::process::Process;
use crate::rig::{Rig, eventually};

/// Ten thousand deadlines over three processes that are killed repeatedly. All of them are down
/// while many deadlines come due. Each deadline is decided once and not before it is due.
#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_decide_each_deadline_once() {
    const DEADLINES: usize = 10_000;
    let mut random = factline_testkit::seeded_random();
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
    // All processes are down while deadlines come due.
    processes.clear();
    tokio::time::sleep(Duration::from_secs(3)).await;
    processes.extend(instances.map(|instance| Process::start(&rig, instance)));
    eventually("most deadlines are decided", async || {
        let victim = random.random_range(0..instances.len());
        processes[victim].restart(&rig, instances[victim]);
        rig.decided_deadlines().await > DEADLINES / 2
    })
    .await;
    rig.until_deadlines_decided(DEADLINES).await;
    let balances = rig.check(&operations).await;
    assert_eq!(balances.len(), DEADLINES);
    assert!(balances.values().all(|balance| *balance == 1));
    assert_eq!(rig.decided_deadlines().await, DEADLINES);
    for (record, envelope, _) in rig.events().await {
        assert!(record.timestamp <= chrono::Utc::now());
        assert!(envelope.sequence <= Some(2), "decided twice: {envelope:?}");
    }
}

/// Two processes take turns to freeze for longer than their session timeout, while deadlines come
/// due. The resumed process assumes that it still owns partitions whose deadlines the other has
/// decided meanwhile.
///
/// (Its current transaction then consumes no command. Only the offsets that it sends nevertheless
/// make Kafka reject it. Leaving them out is detected in few of these freezes: the freeze must
/// occur between a decision and its first record.)
#[tokio::test(flavor = "multi_thread")]
async fn resumed_process_decides_nothing_that_another_decided() {
    const ROUNDS: usize = 4;
    const DEADLINES: usize = 1_500;
    let rig = Rig::new("frozen").await;
    let instances = ["0", "1"];
    let processes = instances.map(|instance| Process::start(&rig, instance));
    let first = rig.deposit("account", 1).await;
    rig.outcomes_of(&[first]).await;
    let mut operations = Vec::new();
    for round in 0..ROUNDS {
        // The deadlines come due before one process freezes, during the freeze, and after it
        // resumes.
        for number in 0..DEADLINES {
            let (account, number) = (format!("{round}-{number}"), i64::try_from(number).unwrap());
            operations.push(schedule(&rig, &account, 500 + number * 8, 1, false).await);
        }
        let frozen = &processes[round % processes.len()];
        frozen.signal("-STOP");
        // Longer than the session timeout of 6 s. The other process must be assigned every
        // partition, which takes that long.
        tokio::time::sleep(Duration::from_secs(9)).await;
        frozen.signal("-CONT");
        rig.until_deadlines_decided((round + 1) * DEADLINES).await;
    }
    operations.push(first);
    let mut balances = rig.check(&operations).await;
    assert_eq!(balances.remove("account"), Some(1));
    assert_eq!(balances.len(), ROUNDS * DEADLINES);
    assert!(balances.values().all(|balance| *balance == 1));
}
