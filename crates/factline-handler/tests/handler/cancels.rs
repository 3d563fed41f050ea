//! Cancels in the log: of commands that wait, of commands that are decided, and of workflows.

use factline::cancel::SCHEMA;
use factline::outcome::State;
use factline::{Outcome, cancel};
use uuid::Uuid;

use crate::account::{ACCOUNT, PANICS, Withdraw};
use crate::deadlines::schedule;
use crate::rig::{Rig, eventually};
use factline_kafka::topics::partition_of;

const HOUR: i64 = 3_600_000;

fn end(outcome: &Outcome) -> (State, Option<&str>) {
    (outcome.state, outcome.code.as_deref())
}

/// Waits until a workflow runs.
async fn until_running(rig: &Rig, operation: Uuid) {
    eventually("the operation runs", async || {
        let outcomes = rig.outcomes().await;
        outcomes
            .iter()
            .any(|outcome| (outcome.operation_id, outcome.state) == (operation, State::Running))
    })
    .await;
}

/// The handler starts after both, so it polls them together.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_command_is_cancelled_and_stays_cancelled() {
    let rig = Rig::new("cancel").await;
    let kept = rig.deposit("ada", 5).await;
    let operation = rig.deposit("ada", 7).await;
    let cancel = rig.cancel("ada", operation).await;
    let first = rig.start("a").await;
    let outcomes = rig.outcomes_of(&[kept, operation, cancel]).await;
    assert_eq!(
        end(&outcomes[&operation]),
        (State::Cancelled, Some("cancelled"))
    );
    assert_eq!(end(&outcomes[&cancel]), (State::Completed, None));
    assert_eq!(outcomes[&cancel].name, SCHEMA.name);
    assert_eq!(outcomes[&cancel].resource.as_deref(), Some("ada"));
    first.stop().await;
    // Repeats after a takeover, and another cancel.
    let second = rig.start("b").await;
    let again = crate::account::Deposit { amount: 7 }.into();
    rig.send(operation, "ada", &again).await;
    assert_eq!(rig.cancel("ada", operation).await, cancel);
    let last = rig.deposit("ada", 1).await;
    let balances = rig.check(&[kept, operation, cancel, last]).await;
    assert_eq!(balances["ada"], 6);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_of_a_decided_command_is_too_late() {
    let rig = Rig::new("too-late").await;
    let handler = rig.start("a").await;
    let accepted = rig.deposit("ada", 5).await;
    let refused = Withdraw { amount: 9 }.into();
    let refused = rig.send(Uuid::now_v7(), "ada", &refused).await;
    rig.outcomes_of(&[accepted, refused]).await;
    for (operation, state) in [(accepted, "completed"), (refused, "rejected")] {
        let cancel = rig.cancel("ada", operation).await;
        let outcomes = rig.outcomes_of(&[cancel]).await;
        assert_eq!(end(&outcomes[&cancel]), (State::Rejected, Some("too_late")));
        let reason = format!("the operation ended before as {state}");
        assert_eq!(outcomes[&cancel].reason.as_ref(), Some(&reason));
    }
    handler.stop().await;
}

/// Another worker has begun the workflow. What it knew is in the log.
#[tokio::test(flavor = "multi_thread")]
async fn workflow_is_cancelled_after_a_takeover() {
    let rig = Rig::new("cancel-workflow").await;
    let first = rig.start("a").await;
    let workflow = schedule(&rig, "ada", HOUR, 5, true).await;
    let firm = schedule(&rig, "bob", HOUR, PANICS, true).await;
    until_running(&rig, workflow).await;
    until_running(&rig, firm).await;
    first.stop().await;
    let second = rig.start("b").await;
    let cancel = rig.cancel("ada", workflow).await;
    let refused = rig.cancel("bob", firm).await;
    let outcomes = rig.outcomes_of(&[workflow, cancel, refused]).await;
    let called_off = (State::Cancelled, Some("called_off"));
    assert_eq!(end(&outcomes[&workflow]), called_off);
    assert_eq!(end(&outcomes[&cancel]), (State::Completed, None));
    assert_eq!(outcomes[&cancel].parent, Some(workflow));
    // The process has refused, and its workflow goes on.
    assert_eq!(
        end(&outcomes[&refused]),
        (State::Rejected, Some("overdrawn"))
    );
    assert!(!outcomes.contains_key(&firm));
    let events = rig.events().await;
    let mut ended = events
        .iter()
        .filter(|(_, event, _)| event.operation == cancel);
    assert_eq!(ended.next().unwrap().1.concludes, Some(workflow));
    second.stop().await;
}

/// A producer that is not part of Factline writes a cancel that names nothing, and one under a key
/// that is not its subject.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_cancel_fails_alone() {
    let rig = Rig::new("cancel-broken").await;
    let operation = rig.deposit("ada", 5).await;
    let schema = rig
        .fixture
        .registry
        .register(rig.topics.commands(), &SCHEMA)
        .await;
    let value = factline_kafka::records::framing::write(schema.unwrap(), &[]);
    let mut failing = Vec::new();
    for (key, name) in [("ada", "ce_cancels"), ("bob", "")] {
        let mut envelope = cancel::envelope(operation, "/foreign", "ada", chrono::Utc::now());
        envelope.id = Uuid::now_v7();
        envelope.operation = envelope.id;
        let mut headers = envelope.to_headers();
        headers.retain(|(known, _)| *known != name);
        let partition = partition_of(key.as_bytes(), ACCOUNT.partitions);
        rig.append(partition, key, &headers, &value).await;
        failing.push(envelope.id);
    }
    let handler = rig.start("a").await;
    let outcomes = rig.outcomes_of(&[operation, failing[0], failing[1]]).await;
    assert_eq!(end(&outcomes[&operation]), (State::Completed, None));
    let ends: Vec<_> = failing
        .iter()
        .map(|failed| end(&outcomes[failed]))
        .collect();
    let expected = ["unreadable", "wrong_key"].map(|code| (State::Failed, Some(code)));
    assert_eq!(ends, expected);
    assert_eq!(rig.read(rig.topics.dead_letters()).await.len(), 2);
    handler.stop().await;
}
