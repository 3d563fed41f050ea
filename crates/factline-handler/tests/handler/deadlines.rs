//! Deadlines: each is decided once, in its place among the commands, and late rather than never.
//! Also the workflows that deadlines bound.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use factline::outcome::{OutcomeKind, State};
use factline::{Outcome, Timestamp, id};
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Event, PANICS, Schedule, Withdraw};
use crate::rig::{PATIENCE, Rig, eventually};
use crate::rules::foreign_transaction;
use factline_handler::HostedAggregate;
use factline_kafka::topics::partition_of;
use rdkafka::producer::Producer as _;

/// Sends a standing order and returns its operation.
pub(crate) async fn schedule(
    rig: &Rig,
    account: &str,
    after_ms: i64,
    amount: i64,
    open: bool,
) -> Uuid {
    let command = Schedule {
        amount,
        after_ms,
        open,
    };
    rig.send(Uuid::now_v7(), account, &command.into()).await
}

async fn withdraw(rig: &Rig, account: &str, amount: i64) -> Uuid {
    let command = Withdraw { amount };
    rig.send(Uuid::now_v7(), account, &command.into()).await
}

/// Returns the outcome of the deadline that the account's first event has set.
async fn first_deadline(rig: &Rig, account: &str) -> Outcome {
    let operation = id::deadline(ACCOUNT.aggregate, account, 1);
    let mut outcomes = rig.outcomes_of(&[operation]).await;
    outcomes.remove(&operation).unwrap()
}

async fn until(time: Timestamp) {
    if let Ok(wait) = (time - chrono::Utc::now()).to_std() {
        tokio::time::sleep(wait).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deadline_comes_due_without_a_command() {
    let rig = Rig::new("idle").await;
    let handler = rig.start("a").await;
    let asked = schedule(&rig, "ada", 300, 5, false).await;
    let outcome = first_deadline(&rig, "ada").await;
    let events = rig.events().await;
    let (_, set, Event::Scheduled(scheduled)) = &events[0] else {
        panic!("{events:?}")
    };
    let (_, due, _) = &events[1];
    assert_eq!(outcome.kind, OutcomeKind::Deadline);
    assert_eq!(
        (outcome.state, outcome.version),
        (State::Completed, Some(2))
    );
    assert_eq!(outcome.parent, Some(asked));
    assert_eq!(outcome.name, "ledger.Collect");
    assert_eq!(due.time.timestamp_micros(), scheduled.due);
    assert_eq!(
        (due.operation, due.root_operation, due.correlation),
        (outcome.operation_id, Some(asked), set.correlation)
    );
    assert_eq!(due.command_position, None);
    handler.stop().await;
}

/// A deadline waits until commands up to the end of the log are decided. Here the last record is
/// not a command: it belongs to an aborted transaction of another producer, so no consumer can read
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn deadline_does_not_wait_for_an_aborted_record() {
    let rig = Rig::new("mark").await;
    let handler = rig.start("a").await;
    let asked = schedule(&rig, "ada", 5_000, 5, false).await;
    let decided = rig.outcomes_of(&[asked]).await[&asked].decided_at;
    let due = Timestamp::from_timestamp_micros(decided).unwrap() + TimeDelta::seconds(5);
    let ours = [partition_of(b"ada", ACCOUNT.partitions)];
    let foreign = foreign_transaction(&rig, rig.topics.commands(), &ours, PATIENCE).await;
    foreign.abort_transaction(PATIENCE).unwrap();
    assert!(
        chrono::Utc::now() < due,
        "the test is too slow to be conclusive"
    );
    let due = first_deadline(&rig, "ada").await;
    assert_eq!(due.state, State::Completed);
    handler.stop().await;
}

/// They are the same before and after a restart, and a spent one is not listed.
#[tokio::test(flavor = "multi_thread")]
async fn set_deadlines_are_listed_by_their_time() {
    let rig = Rig::new("listed").await;
    let handler = rig.start("a").await;
    let hour = 3_600_000;
    for (account, after_ms) in [("ada", 2 * hour), ("bob", hour), ("eve", 3 * hour)] {
        schedule(&rig, account, after_ms, 5, false).await;
    }
    schedule(&rig, "tom", 50, 0, false).await;
    let spent = first_deadline(&rig, "tom").await;
    assert_eq!(spent.version, Some(1), "it was decided without an event");
    let hosted = HostedAggregate::of::<Account>();
    let list = async |limit| hosted.deadlines(rig.kafka.clone(), limit).await.unwrap();
    let listed = list(2).await;
    assert_eq!(listed.total, 3);
    let shown: Vec<_> = listed
        .first
        .iter()
        .map(|one| (one.subject.as_str(), one.command, one.operation))
        .collect();
    let of = |account| id::deadline(ACCOUNT.aggregate, account, 1);
    let expected = ["bob", "ada"].map(|account| (account, "ledger.Collect", of(account)));
    assert_eq!(shown, expected);
    let first = &listed.first[0];
    assert_eq!(
        (first.due - first.set_at, first.set_by_version),
        (TimeDelta::hours(1), 1)
    );
    assert_eq!(first.partition, partition_of(b"bob", ACCOUNT.partitions));
    handler.stop().await;
    assert_eq!(list(2).await.first, listed.first);
}

/// A command that was appended before a deadline is decided before it, and a later command after
/// it. This holds even if both are handled long after the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn late_deadline_keeps_its_place_among_the_commands() {
    let rig = Rig::new("order").await;
    let handler = rig.start("a").await;
    let asked = schedule(&rig, "ada", 2_000, 5, false).await;
    let seen = rig.outcomes_of(&[asked]).await[&asked].decided_at;
    handler.stop().await;
    let before = withdraw(&rig, "ada", 1).await;
    until(Timestamp::from_timestamp_micros(seen).unwrap() + TimeDelta::milliseconds(2_100)).await;
    let after = withdraw(&rig, "ada", 1).await;
    let handler = rig.start("b").await;
    let outcomes = rig.outcomes_of(&[before, after]).await;
    assert_eq!(outcomes[&before].state, State::Rejected);
    assert_eq!(outcomes[&after].state, State::Completed);
    assert_eq!(rig.check(&[asked, before, after]).await["ada"], 4);
    handler.stop().await;
}

/// A deadline that changes nothing is spent, and so is one that cannot be decided. Neither comes
/// due again after a takeover.
#[tokio::test(flavor = "multi_thread")]
async fn deadline_that_changes_nothing_is_spent() {
    let rig = Rig::new("spent").await;
    let first = rig.start("a").await;
    let nothing = schedule(&rig, "ada", 50, 0, false).await;
    let faulty = schedule(&rig, "bob", 50, PANICS, true).await;
    let none = first_deadline(&rig, "ada").await;
    assert_eq!((none.state, none.version), (State::Completed, Some(1)));
    let failed = first_deadline(&rig, "bob").await;
    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Failed, Some("panic"))
    );
    // The workflow that the deadline bounded has ended, too.
    let outcomes = rig.outcomes_of(&[faulty]).await;
    assert_eq!(outcomes[&faulty].state, State::Failed);
    first.stop().await;
    let second = rig.start("b").await;
    // The account accepts other commands, and its spent deadline does not interfere.
    let mut operations = vec![nothing, faulty];
    for account in ["ada", "bob"] {
        operations.push(rig.deposit(account, 3).await);
    }
    let balances = rig.check(&operations).await;
    assert_eq!((balances["ada"], balances["bob"]), (3, 3));
    let deadlines = rig.outcomes().await;
    let deadlines = deadlines
        .iter()
        .filter(|outcome| outcome.kind == OutcomeKind::Deadline);
    assert_eq!(deadlines.count(), 2);
    second.stop().await;
}

/// A continuous load of commands does not delay a deadline indefinitely.
#[tokio::test(flavor = "multi_thread")]
async fn load_does_not_starve_deadlines() {
    let rig = Rig::new("load").await;
    let handler = rig.start("a").await;
    schedule(&rig, "ada", 200, 5, false).await;
    let deadline = id::deadline(ACCOUNT.aggregate, "ada", 1);
    eventually("the deadline is decided under load", async || {
        for _ in 0..20 {
            rig.deposit("ada", 0).await;
        }
        let outcomes = rig.outcomes().await;
        outcomes
            .iter()
            .any(|outcome| outcome.operation_id == deadline)
    })
    .await;
    handler.stop().await;
}

/// A workflow's operation stays open after its command is decided. It ends once, with the
/// conclusion of the process, even if another handler has taken over the process meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn workflow_runs_until_its_process_concludes_it() {
    let rig = Rig::new("workflow").await;
    let first = rig.start("a").await;
    let asked = schedule(&rig, "ada", 1_500, 5, true).await;
    eventually("the operation runs", async || {
        let outcomes = rig.outcomes().await;
        outcomes
            .iter()
            .any(|outcome| outcome.operation_id == asked && outcome.state == State::Running)
    })
    .await;
    first.stop().await;
    let second = rig.start("b").await;
    let outcomes = rig.outcomes_of(&[asked]).await;
    let ended = &outcomes[&asked];
    assert_eq!(
        (ended.state, ended.code.as_deref(), ended.version),
        (State::Rejected, Some("collected"), Some(2))
    );
    assert_eq!(
        (ended.name.as_str(), ended.kind, ended.resource.as_deref()),
        ("ledger.Schedule", OutcomeKind::Command, Some("ada"))
    );
    let events = rig.events().await;
    let envelopes: Vec<_> = events
        .iter()
        .map(|(_, envelope, _)| (envelope.opens.as_deref(), envelope.concludes))
        .collect();
    assert_eq!(
        envelopes,
        [(Some("ledger.Schedule"), None), (None, Some(asked))]
    );
    let mut states: HashMap<Uuid, Vec<State>> = HashMap::new();
    for outcome in rig.outcomes().await {
        states
            .entry(outcome.operation_id)
            .or_default()
            .push(outcome.state);
    }
    assert_eq!(states[&asked], [State::Running, State::Rejected]);
    second.stop().await;
}

/// A process must have a deadline while its operation is open. Otherwise it could run forever.
#[tokio::test(flavor = "multi_thread")]
async fn workflow_without_a_deadline_is_refused() {
    let rig = Rig::new("unbounded").await;
    let handler = rig.start("a").await;
    // The deposit removes the standing order and its deadline.
    let asked = schedule(&rig, "ada", 3_600_000, 5, true).await;
    let deposit = rig.deposit("ada", 1).await;
    let outcomes = rig.outcomes_of(&[deposit]).await;
    assert_eq!(
        (outcomes[&deposit].state, outcomes[&deposit].code.as_deref()),
        (State::Failed, Some("workflow"))
    );
    assert!(!outcomes.contains_key(&asked));
    tokio::time::timeout(Duration::from_secs(30), handler.stop())
        .await
        .unwrap();
}
