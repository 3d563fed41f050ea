//! The kit's own checks: version, time to live, age, idempotency key.

use chrono::TimeDelta;
use factline::Envelope;
use factline::outcome::State;

use super::desk::{CLOCK, Desk, WINDOW, at, step, subject};
use super::endings::{completed, ended, endings};
use super::messages::Step;

/// Sets the version that the aggregate must have.
fn version(expected: u64) -> impl FnOnce(&mut Envelope) {
    move |envelope| envelope.expected_version = Some(expected)
}

/// Sets an idempotency key, and the body that came with it.
fn key(key: &'static str, body: &'static str) -> impl FnOnce(&mut Envelope) {
    move |envelope| {
        envelope.idempotency_scope = Some(key.to_owned());
        envelope.idempotency_fingerprint = Some(body.to_owned());
    }
}

/// The version includes the events of earlier commands of the same batch.
#[test]
fn expected_version_is_that_of_the_overlay() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send_as(&ada, step(Step::AddThrice), version(0));
    let second = desk.send_as(&ada, step(Step::Add), version(3));
    assert_eq!(endings(&desk.turn()), [completed(first), completed(second)]);
    assert_eq!(desk.committed(&ada), (4, 4));
}

#[test]
fn other_version_is_a_conflict() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send(&ada, step(Step::Add));
    let second = desk.send_as(&ada, step(Step::Add), version(0));
    let facts = desk.turn();
    let conflict = ended(second, State::Rejected, "version_conflict");
    assert_eq!(endings(&facts), [completed(first), conflict]);
    let outcome = &facts[1].outcome.as_ref().unwrap().value;
    assert_eq!(
        (outcome.version, outcome.reason.as_deref()),
        (Some(1), Some("version is 1, expected was 0"))
    );
    assert_eq!(desk.committed(&ada), (1, 1));
}

#[test]
fn expired_command_times_out() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.time_to_live_ms = Some(4_999);
        envelope.origin_time = at(CLOCK - 5);
    });
    let expected = [ended(operation, State::TimedOut, "timed_out")];
    assert_eq!(endings(&desk.turn()), expected);
    assert_eq!(desk.committed(&ada), (0, 0));
}

#[test]
fn command_is_decided_at_the_end_of_its_time_to_live() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.time_to_live_ms = Some(5_000);
        envelope.origin_time = at(CLOCK - 5);
    });
    assert_eq!(endings(&desk.turn()), [completed(operation)]);
}

#[test]
fn command_that_is_older_than_the_window_fails() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let age = |age| move |envelope: &mut Envelope| envelope.origin_time = at(CLOCK) - age;
    let within = desk.send_as(&ada, step(Step::Add), age(WINDOW));
    let older = WINDOW + TimeDelta::microseconds(1);
    let outside = desk.send_as(&ada, step(Step::Add), age(older));
    let facts = desk.turn();
    let too_old = ended(outside, State::Failed, "too_old");
    assert_eq!(endings(&facts), [completed(within), too_old]);
    assert!(facts[1].letter.is_some());
    assert_eq!(desk.committed(&ada), (1, 1));
}

#[test]
fn key_with_another_body_is_rejected() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send_as(&ada, step(Step::Add), key("k", "one"));
    let reused = desk.send_as(&ada, step(Step::AddThrice), key("k", "two"));
    let other = desk.send_as(&ada, step(Step::Add), key("l", "two"));
    let facts = desk.turn();
    let rejected = ended(reused, State::Rejected, "idempotency_key_reused");
    let expected = [completed(first), rejected, completed(other)];
    assert_eq!(endings(&facts), expected);
    assert_eq!(desk.committed(&ada), (2, 2));
    // A recovery reads the operation of a key from the outcomes, so the second has none.
    let key_of = |index: usize| {
        let outcome = facts[index].outcome.as_ref().unwrap();
        outcome.envelope.idempotency_scope.as_deref()
    };
    assert_eq!((key_of(0), key_of(1)), (Some("k"), None));
}

#[test]
fn key_is_remembered_after_the_commit() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send_as(&ada, step(Step::Add), key("k", "one"));
    desk.turn();
    let reused = desk.send_as(&ada, step(Step::Add), key("k", "two"));
    let rejected = ended(reused, State::Rejected, "idempotency_key_reused");
    assert_eq!(endings(&desk.turn()), [rejected]);
}

/// A command that fails has used its key, too.
#[test]
fn key_of_a_failed_command_is_remembered() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let failed = desk.send_as(&ada, step(Step::Panic), key("k", "one"));
    let reused = desk.send_as(&ada, step(Step::Add), key("k", "two"));
    let failed = ended(failed, State::Failed, "panic");
    let rejected = ended(reused, State::Rejected, "idempotency_key_reused");
    assert_eq!(endings(&desk.turn()), [failed, rejected]);
}
