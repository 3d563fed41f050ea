//! Cancels: a command is cancelled or decided, and its cancel says which.

use std::ops::Range;

use chrono::TimeDelta;
use factline::outcome::State;
use factline::{Delivery, Envelope, cancel};
use proptest::prelude::*;
use uuid::Uuid;

use super::desk::{CLOCK, Desk, WINDOW, at, step, step_until, subject};
use super::endings::{Ended, completed, ended, endings};
use super::messages::{Step, Take};
use crate::decide::facts::Facts;
use crate::decide::fault::Fault;
use crate::decide::inputs::Budget;

fn cancelled(operation: Uuid) -> Ended {
    ended(operation, State::Cancelled, "cancelled")
}

fn too_late(cancel: Uuid) -> Ended {
    ended(cancel, State::Rejected, "too_late")
}

/// Begins a workflow that a cancel ends by a step.
fn begin(at_cancel: Step) -> Take {
    Take {
        at_cancel,
        ..step_until(Step::Begin, at(CLOCK + 10), Step::End)
    }
}

fn reason(facts: &Facts<super::messages::Event>) -> &str {
    let outcome = facts.outcome.as_ref().unwrap();
    outcome.value.reason.as_deref().unwrap_or_default()
}

#[test]
fn command_is_cancelled_in_the_batch_of_its_cancel() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send(&ada, step(Step::Add));
    let operation = desk.send(&ada, step(Step::Add));
    let between = desk.send(&ada, step(Step::Add));
    let cancel = desk.cancel(&ada, operation);
    let batch = desk.decide();
    let expected = [
        completed(first),
        cancelled(operation),
        completed(cancel),
        completed(between),
    ];
    assert_eq!(endings(&batch.facts), expected);
    // Two events, four outcomes.
    assert_eq!((batch.len(), batch.records.len()), (4, 6));
    let outcome = batch.facts[1].cancel.as_ref().unwrap();
    assert_eq!(outcome.envelope.cancels, Some(operation));
    assert_eq!(outcome.value.name, cancel::SCHEMA.name);
    assert_eq!(
        (outcome.value.version, outcome.value.position.is_some()),
        (Some(1), true)
    );
    desk.adopt(batch);
    assert!(desk.pending.is_empty());
    assert_eq!(desk.committed(&ada), (2, 2));
}

/// The offset of the cancel is not committed with the command, and after a restart only the
/// outcomes say that it is decided.
#[test]
fn command_is_cancelled_if_the_batch_ends_before_the_cancel() {
    for restarts in [false, true] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let operation = desk.send(&ada, step(Step::Add));
        let between = desk.send(&ada, step(Step::Add));
        let cancel = desk.cancel(&ada, operation);
        let batch = desk.decide_within(Budget::of(1));
        let both = [cancelled(operation), completed(cancel)];
        assert_eq!(endings(&batch.facts), both);
        desk.log.append(&batch.facts, &batch.records, &desk.factory);
        desk.adopt(batch);
        assert_eq!(desk.pending.len(), 2);
        if restarts {
            desk.restart();
        }
        assert_eq!(endings(&desk.turn()), [completed(between)]);
        assert!(desk.pending.is_empty());
        assert_eq!(desk.committed(&ada), (1, 1));
    }
}

#[test]
fn cancel_of_a_decided_command_is_too_late() {
    for (what, end, state) in [
        (Step::Add, None, "completed"),
        (Step::Reject, Some("refused"), "rejected"),
        (Step::Panic, Some("panic"), "failed"),
    ] {
        for restarts in [false, true] {
            let (mut desk, ada) = (Desk::new(), subject(0, 0));
            let operation = desk.send(&ada, step(what));
            let facts = desk.turn();
            assert_eq!(endings(&facts)[0].2.as_deref(), end);
            if restarts {
                desk.restart();
            }
            let cancel = desk.cancel(&ada, operation);
            let facts = desk.turn();
            assert_eq!(endings(&facts), [too_late(cancel)]);
            assert_eq!(
                reason(&facts[0]),
                format!("the operation ended before as {state}")
            );
        }
    }
}

#[test]
fn cancel_of_an_unknown_operation_is_too_late() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let unknown = desk.cancel(&ada, Uuid::from_u128(77));
    // The command of another partition, and one that comes after its cancel.
    let elsewhere = desk.send(&subject(1, 0), step(Step::Add));
    let other = desk.cancel(&ada, elsewhere);
    let early = desk.cancel(&ada, Uuid::from_u128(88));
    let late = desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.id = Uuid::from_u128(88);
        envelope.operation = envelope.id;
    });
    let mut found = endings(&desk.turn());
    found.sort();
    let mut expected = [
        too_late(unknown),
        completed(elsewhere),
        too_late(other),
        too_late(early),
        completed(late),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

/// The cancel stands in the same partition, but under the key of another aggregate.
#[test]
fn cancel_of_another_aggregate_is_too_late() {
    let (mut desk, ada, bob) = (Desk::new(), subject(0, 0), subject(0, 1));
    let operation = desk.send(&ada, step(Step::Add));
    let cancel = desk.cancel(&bob, operation);
    assert_eq!(
        endings(&desk.turn()),
        [completed(operation), too_late(cancel)]
    );
}

#[test]
fn repeats_of_command_and_cancel_are_not_decided() {
    let key = |envelope: &mut Envelope| envelope.idempotency_scope = Some("key".to_owned());
    for restarts in [false, true] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let operation = desk.send_as(&ada, step(Step::Add), key);
        let again = |envelope: &mut Envelope| {
            envelope.id = operation;
            envelope.operation = operation;
            key(envelope);
        };
        let cancel = desk.cancel(&ada, operation);
        desk.cancel(&ada, operation);
        desk.send_as(&ada, step(Step::Add), again);
        let both = [cancelled(operation), completed(cancel)];
        assert_eq!(endings(&desk.turn()), both);
        if restarts {
            desk.restart();
        }
        desk.send_as(&ada, step(Step::Add), again);
        desk.cancel(&ada, operation);
        // The cancelled operation keeps its key.
        let other = desk.send_as(&ada, step(Step::Add), key);
        let reused = ended(other, State::Rejected, "idempotency_key_reused");
        assert_eq!(endings(&desk.turn()), [reused]);
        assert_eq!(desk.committed(&ada), (0, 0));
    }
}

/// A command whose key belongs to another operation is refused, and its cancel comes too late.
#[test]
fn refusal_of_a_reused_key_comes_before_the_cancel() {
    let key = |envelope: &mut Envelope| envelope.idempotency_scope = Some("key".to_owned());
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send_as(&ada, step(Step::Add), key);
    let second = desk.send_as(&ada, step(Step::Add), key);
    let cancel = desk.cancel(&ada, second);
    let reused = ended(second, State::Rejected, "idempotency_key_reused");
    assert_eq!(
        endings(&desk.turn()),
        [completed(first), reused, too_late(cancel)]
    );
}

/// A malformed cancel fails alone, and a refused one ends at its own place. Neither cancels.
#[test]
fn cancel_that_cannot_be_accepted_does_not_cancel() {
    type Change = fn(&mut Envelope);
    let cases: [(Change, State, &str); 4] = [
        (
            |envelope| envelope.cancels = None,
            State::Failed,
            "unreadable",
        ),
        (
            |envelope| envelope.origin_time = at(CLOCK) - WINDOW - TimeDelta::seconds(1),
            State::Failed,
            "too_old",
        ),
        (
            |envelope| {
                envelope.time_to_live_ms = Some(1);
                envelope.origin_time = at(CLOCK - 1);
            },
            State::TimedOut,
            "timed_out",
        ),
        (
            |envelope| envelope.expected_version = Some(9),
            State::Rejected,
            "version_conflict",
        ),
    ];
    for (change, state, code) in cases {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let operation = desk.send(&ada, step(Step::Add));
        let cancel = desk.cancel_as(&ada, operation, change);
        let facts = desk.turn();
        assert_eq!(
            endings(&facts),
            [completed(operation), ended(cancel, state, code)]
        );
        assert_eq!(facts[1].letter.is_some(), state == State::Failed, "{code}");
    }
    for damage in [None, Some(b"\0\0\0\0\x01".to_vec()), Some(Vec::new())] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let operation = desk.send(&ada, step(Step::Add));
        let cancel = desk.cancel(&ada, operation);
        desk.last().value = damage;
        let failed = ended(cancel, State::Failed, "unreadable");
        assert_eq!(endings(&desk.turn()), [completed(operation), failed]);
    }
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    let cancel = desk.cancel(&ada, operation);
    desk.last().key = Some(b"other".to_vec());
    let failed = ended(cancel, State::Failed, "wrong_key");
    assert_eq!(endings(&desk.turn()), [completed(operation), failed]);
}

#[test]
fn command_that_cannot_be_read_fails_although_it_is_cancelled() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.last().value = None;
    let cancel = desk.cancel(&ada, operation);
    let failed = ended(operation, State::Failed, "unreadable");
    assert_eq!(endings(&desk.turn()), [failed, too_late(cancel)]);
}

/// A fault that the broker has found belongs to the command. The cancel is decided after it.
#[test]
fn fault_of_the_first_command_comes_before_its_cancel() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    let cancel = desk.cancel(&ada, operation);
    let batch = desk.decide_within(Budget::with_fault(9, Fault::TooLarge));
    let failed = ended(operation, State::Failed, "too_large");
    assert_eq!(endings(&batch.facts), [failed, too_late(cancel)]);
}

#[test]
fn cancel_is_not_cancelled() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let decided = desk.send(&ada, step(Step::Add));
    desk.turn();
    let cancel = desk.cancel(&ada, decided);
    let second = desk.cancel(&ada, cancel);
    assert_eq!(endings(&desk.turn()), [too_late(cancel), too_late(second)]);
}

/// Numbers a command among those of a sender.
fn numbered(number: u64, settled: Range<u64>) -> impl FnOnce(&mut Envelope) {
    move |envelope| {
        envelope.delivery = Some(Delivery {
            sender: "a policy".into(),
            number,
            settled,
        });
    }
}

/// The cancel's sender has settled the commands before it. They are not decided when the cancel is.
#[test]
fn numbered_cancel_settles_nothing_before_its_own_place() {
    for restarts in [false, true] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let operation = desk.send_as(&ada, step(Step::Add), numbered(1, 0..0));
        let between = desk.send_as(&ada, step(Step::Add), numbered(2, 0..0));
        let cancel = desk.cancel_as(&ada, operation, numbered(3, 0..3));
        let batch = desk.decide_within(Budget::of(1));
        let both = [cancelled(operation), completed(cancel)];
        assert_eq!(endings(&batch.facts), both);
        desk.log.append(&batch.facts, &batch.records, &desk.factory);
        desk.adopt(batch);
        if restarts {
            desk.restart();
        }
        assert_eq!(endings(&desk.turn()), [completed(between)]);
    }
}

/// A cancel is remembered from the time of its command on. One that is read after the window would
/// be decided twice.
#[test]
fn cancel_after_the_window_does_not_cancel() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let last = desk.now + WINDOW;
    let second = TimeDelta::seconds(1);
    for (time, is_cancelled) in [(last, true), (last + second, false)] {
        desk.now = last - WINDOW;
        let operation = desk.send(&ada, step(Step::Add));
        desk.now = time;
        let cancel = desk.cancel(&ada, operation);
        let batch = desk.decide();
        let expected = if is_cancelled {
            [cancelled(operation), completed(cancel)]
        } else {
            [completed(operation), too_late(cancel)]
        };
        assert_eq!(endings(&batch.facts), expected);
        desk.pending.clear();
    }
}

#[test]
fn workflow_is_cancelled_by_its_process() {
    for restarts in [false, true] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let workflow = desk.send(&ada, begin(Step::CallOff));
        desk.turn();
        if restarts {
            desk.restart();
        }
        let cancel = desk.cancel_as(&ada, workflow, |envelope| envelope.actor = "bob".to_owned());
        let facts = desk.turn();
        let off = ended(workflow, State::Cancelled, "off");
        assert_eq!(endings(&facts), [completed(cancel), off]);
        let event = &facts[0].events[0].envelope;
        assert_eq!((event.operation, event.concludes), (cancel, Some(workflow)));
        assert_eq!(
            (event.root_operation, &*event.actor),
            (Some(workflow), "bob")
        );
        // Both are ended after another restart, too.
        desk.restart();
        desk.cancel(&ada, workflow);
        assert_eq!(endings(&desk.turn()), []);
    }
}

#[test]
fn process_decides_whether_its_workflow_is_cancelled() {
    let cases = [
        // It ends later.
        (Step::AddThrice, State::Completed, None),
        (Step::Nothing, State::Completed, None),
        (Step::Reject, State::Rejected, Some("refused")),
        (Step::Add, State::Rejected, Some(cancel::NOT_CANCELLABLE)),
        (Step::Panic, State::Failed, Some("panic")),
        (Step::BeginWithoutEvent, State::Failed, Some("workflow")),
    ];
    for (at_cancel, state, code) in cases {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let workflow = desk.send(&ada, begin(at_cancel));
        desk.turn();
        let cancel = desk.cancel(&ada, workflow);
        let expected = (cancel, state, code.map(str::to_owned));
        assert_eq!(endings(&desk.turn()), [expected]);
        // The workflow goes on, and its deadline ends it.
        desk.idle = [(0, at(CLOCK + 10))].into();
        let facts = desk.turn();
        let over = ended(workflow, State::Rejected, "over");
        assert_eq!(endings(&facts)[1], over, "{at_cancel:?}");
    }
}

/// The deadline is due before the cancel, so the workflow has ended when the cancel is decided.
#[test]
fn cancel_after_the_deadline_is_too_late() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let workflow = desk.send(&ada, begin(Step::CallOff));
    desk.turn();
    desk.now = at(CLOCK + 10);
    let cancel = desk.cancel(&ada, workflow);
    let found = endings(&desk.turn());
    assert_eq!(
        found[1..],
        [ended(workflow, State::Rejected, "over"), too_late(cancel)]
    );
}

/// A workflow whose command is not decided yet never begins.
#[test]
fn workflow_is_cancelled_before_it_begins() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let workflow = desk.send(&ada, begin(Step::CallOff));
    let cancel = desk.cancel(&ada, workflow);
    assert_eq!(
        endings(&desk.turn()),
        [cancelled(workflow), completed(cancel)]
    );
    assert_eq!(desk.committed(&ada), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever stands in the log and wherever batches end: each operation ends once, a command is
    /// cancelled if and only if its cancel completed, and then it has no event.
    #[test]
    fn command_is_cancelled_or_decided(
        asked in prop::collection::vec((0_usize..3, 0_usize..4, any::<bool>()), 1..20),
        batches in prop::collection::vec((1_usize..6, any::<bool>()), 0..12),
    ) {
        let mut desk = Desk::new();
        let mut sent: Vec<(String, Uuid)> = Vec::new();
        let mut cancels = Vec::new();
        for (number, back, is_cancel) in asked {
            if is_cancel && let Some((to, operation)) = sent.iter().rev().nth(back).cloned() {
                cancels.push((operation, desk.cancel(&to, operation)));
            } else {
                let to = subject(i32::try_from(number % 2).unwrap(), number / 2);
                let operation = desk.send(&to, step(Step::Add));
                sent.push((to, operation));
            }
        }
        let mut facts = Vec::new();
        for (count, restarts) in batches.into_iter().chain([(usize::MAX, false)]) {
            let batch = desk.decide_within(Budget::of(count));
            desk.log.append(&batch.facts, &batch.records, &desk.factory);
            facts.extend(batch.facts.clone());
            desk.adopt(batch);
            if restarts {
                desk.restart();
            }
        }
        let ends = endings(&facts);
        let end = |operation: Uuid| {
            let of_it: Vec<_> = ends.iter().filter(|end| end.0 == operation).collect();
            assert_eq!(of_it.len(), 1, "{operation}");
            of_it[0].1
        };
        for (_, operation) in &sent {
            let is_cancelled = end(*operation) == State::Cancelled;
            let mut own = cancels.iter().filter(|(cancelled, _)| cancelled == operation);
            let is_taken = own.any(|(_, cancel)| end(*cancel) == State::Completed);
            prop_assert_eq!(is_cancelled, is_taken);
            let mut events = facts.iter().flat_map(|facts| &facts.events);
            let has_event = events.any(|event| event.envelope.operation == *operation);
            prop_assert_eq!(is_cancelled, !has_event);
        }
    }
}
