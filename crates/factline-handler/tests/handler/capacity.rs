//! A handler without memory for new aggregates: it rejects their commands, and says so in the
//! offsets that it commits.

use std::collections::BTreeSet;

use factline::outcome::State;
use factline_handler::Resources;
use factline_kafka::topics::capacity::CapacityQueries;
use factline_kafka::topics::partition_of;
use uuid::Uuid;

use crate::account::ACCOUNT;
use crate::deadlines::schedule;
use crate::rig::Rig;

/// An hour, so that no deadline comes due.
const LATER_MS: i64 = 3_600_000;

/// Ids of one kilobyte. The id of an aggregate with a deadline stays in memory.
fn account(number: usize) -> String {
    format!("{number:01000}")
}

/// Returns an account in each partition.
fn one_of_each_partition(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    let mut partitions = BTreeSet::new();
    numbers
        .map(account)
        .filter(|account| partitions.insert(partition_of(account.as_bytes(), ACCOUNT.partitions)))
        .collect()
}

/// Deposits on these accounts, and returns the states and codes of the outcomes.
async fn deposit(rig: &Rig, accounts: &[String]) -> Vec<(State, Option<String>)> {
    let mut operations = Vec::new();
    for account in accounts {
        operations.push(rig.deposit(account, 1).await);
    }
    let mut outcomes = rig.outcomes_of(&operations).await;
    let outcome = |operation: &Uuid| outcomes.remove(operation);
    let outcomes = operations.iter().filter_map(outcome);
    outcomes
        .map(|outcome| (outcome.state, outcome.code))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_handler_without_memory_are_marked() {
    const ACCOUNTS: usize = 800;
    let all: BTreeSet<i32> = (0..ACCOUNT.partitions).collect();
    let mut rig = Rig::new("capacity").await;
    let mut capacity = CapacityQueries::new(&rig.kafka, &ACCOUNT);
    rig.options.memory_mb = Some(1);
    let handler = rig.start("a").await;
    let known = one_of_each_partition(0..ACCOUNTS);
    let completed = vec![(State::Completed, None); known.len()];
    assert_eq!(deposit(&rig, &known).await, completed);
    assert_eq!(capacity.refusing().await, Ok(BTreeSet::new()));

    let mut operations = Vec::new();
    for number in 0..ACCOUNTS {
        operations.push(schedule(&rig, &account(number), LATER_MS, 1, false).await);
    }
    let outcomes = rig.outcomes_of(&operations).await;
    let refused = outcomes
        .values()
        .filter(|outcome| outcome.state == State::Rejected);
    let refused: Vec<_> = refused.map(|outcome| outcome.code.as_deref()).collect();
    let count = refused.len();
    assert!((1..ACCOUNTS).contains(&count), "{count}");
    assert!(refused.iter().all(|code| *code == Some("capacity")));

    let new = one_of_each_partition(ACCOUNTS..2 * ACCOUNTS);
    let rejected = vec![(State::Rejected, Some("capacity".to_owned())); new.len()];
    assert_eq!(deposit(&rig, &new).await, rejected);
    assert_eq!(deposit(&rig, &known).await, completed);
    assert_eq!(capacity.refusing().await, Ok(all.clone()));
    handler.stop().await;

    // The mark stays until the next transaction of each partition.
    rig.options.memory_mb = None;
    rig.options.resources = Resources::default();
    let handler = rig.start("a").await;
    assert_eq!(capacity.refusing().await, Ok(all));
    assert_eq!(deposit(&rig, &new).await, completed);
    assert_eq!(capacity.refusing().await, Ok(BTreeSet::new()));
    handler.stop().await;
}
