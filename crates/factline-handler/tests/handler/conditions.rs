//! Conditions that a command can carry, under which it is decided.

use chrono::TimeDelta;
use factline::Envelope;
use factline::outcome::State;
use uuid::Uuid;

use crate::account::Deposit;
use crate::rig::Rig;

fn deposit(amount: i64) -> crate::account::Command {
    Deposit { amount }.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn command_for_another_version_is_a_conflict() {
    let rig = Rig::new("version").await;
    let handler = rig.start("a").await;
    let expecting = |version: u64| {
        move |envelope: Envelope| Envelope {
            expected_version: Some(version),
            ..envelope
        }
    };
    let mut operations = Vec::new();
    for version in [0, 0, 1, 5] {
        let operation = Uuid::now_v7();
        rig.send_with(operation, "ada", &deposit(1), expecting(version))
            .await;
        operations.push(operation);
    }
    assert_eq!(rig.check(&operations).await["ada"], 2);
    let outcomes = rig.outcomes_of(&operations).await;
    let results: Vec<_> = operations
        .iter()
        .map(|operation| (outcomes[operation].state, outcomes[operation].version))
        .collect();
    let (done, not) = (State::Completed, State::Rejected);
    assert_eq!(
        results,
        [
            (done, Some(1)),
            (not, Some(1)),
            (done, Some(2)),
            (not, Some(2))
        ]
    );
    let conflict = &outcomes[&operations[3]];
    assert_eq!(conflict.code.as_deref(), Some("version_conflict"));
    assert_eq!(
        conflict.reason.as_deref(),
        Some("version is 2, expected was 5")
    );
    assert!(conflict.position.is_some());
    handler.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_beyond_its_time_to_live_is_timed_out() {
    let rig = Rig::new("time-to-live").await;
    let living = |milliseconds: u64| {
        move |envelope: Envelope| Envelope {
            origin_time: envelope.origin_time - TimeDelta::seconds(10),
            time_to_live_ms: Some(milliseconds),
            ..envelope
        }
    };
    let (late, timely) = (Uuid::now_v7(), Uuid::now_v7());
    rig.send_with(late, "ada", &deposit(1), living(9_000)).await;
    rig.send_with(timely, "ada", &deposit(2), living(3_600_000))
        .await;
    let handler = rig.start("a").await;
    assert_eq!(rig.check(&[late, timely]).await["ada"], 2);
    let outcomes = rig.outcomes_of(&[late, timely]).await;
    assert_eq!(outcomes[&late].state, State::TimedOut);
    assert_eq!(outcomes[&late].code.as_deref(), Some("timed_out"));
    assert_eq!(outcomes[&timely].state, State::Completed);
    handler.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_older_than_the_dedupe_window_fails() {
    let rig = Rig::new("too-old").await;
    let born = |hours: i64| {
        move |envelope: Envelope| Envelope {
            origin_time: envelope.origin_time - TimeDelta::hours(hours),
            ..envelope
        }
    };
    let handler = rig.start("a").await;
    let (old, young) = (Uuid::now_v7(), Uuid::now_v7());
    rig.send_with(old, "ada", &deposit(1), born(25)).await;
    rig.send_with(young, "ada", &deposit(2), born(23)).await;
    assert_eq!(rig.check(&[old, young]).await["ada"], 2);
    let outcomes = rig.outcomes_of(&[old, young]).await;
    assert_eq!(outcomes[&old].state, State::Failed);
    assert_eq!(outcomes[&old].code.as_deref(), Some("too_old"));
    assert_eq!(rig.read(rig.topics.dead_letters()).await.len(), 1);
    handler.stop().await;
}

/// The first request with an idempotency key counts. A second one is rejected in the same batch, in
/// a later batch, and after a restart of the handler.
#[tokio::test(flavor = "multi_thread")]
async fn reused_idempotency_key_is_rejected() {
    let rig = Rig::new("scope").await;
    let under = |scope: &str| {
        let scope = Some(scope.to_owned());
        move |envelope: Envelope| Envelope {
            idempotency_scope: scope,
            ..envelope
        }
    };
    let (first, second, other) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    // No handler runs yet, so these commands come in one batch.
    for (operation, amount, scope) in [
        (first, 1, "k"),
        (first, 1, "k"),
        (second, 2, "k"),
        (other, 4, "l"),
    ] {
        rig.send_with(operation, "ada", &deposit(amount), under(scope))
            .await;
    }
    let mut handler = rig.start("a").await;
    let mut operations = vec![first, second, other];
    rig.outcomes_of(&operations).await;
    for round in ["later", "after a restart"] {
        let again = Uuid::now_v7();
        rig.send_with(first, "ada", &deposit(1), under("k")).await;
        rig.send_with(again, "ada", &deposit(8), under("k")).await;
        operations.push(again);
        let outcomes = rig.outcomes_of(&operations).await;
        for reused in [second, again] {
            let outcome = &outcomes[&reused];
            assert_eq!(outcome.state, State::Rejected, "{round}");
            assert_eq!(
                outcome.code.as_deref(),
                Some("idempotency_key_reused"),
                "{round}"
            );
        }
        if round == "later" {
            handler.stop().await;
            handler = rig.start("a").await;
        }
    }
    assert_eq!(rig.check(&operations).await["ada"], 5);
    handler.stop().await;
}
