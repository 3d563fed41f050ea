//! A command that cannot be decided or written fails alone.

use factline::outcome::State;
use factline_kafka::records::{decode, registry};

use super::counter::Counter;
use super::desk::{Desk, step, subject};
use super::endings::{completed, ended, endings};
use super::messages::Step;
use crate::decide::batch::Batch;
use crate::decide::fault::Fault;
use crate::decide::inputs::Budget;
use crate::state::waiting::Waiting;

/// Returns the partition sequences of all events, in order.
fn sequences(batch: &Batch<Counter>) -> Vec<Option<u64>> {
    let events = batch.facts.iter().flat_map(|facts| &facts.events);
    let sequences = events.map(|event| event.envelope.partition_sequence);
    sequences.collect()
}

/// Decides a command of a step between two others, and checks that it fails alone.
fn check_fails_alone(failing: Step, code: &str) {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send(&ada, step(Step::Add));
    let second = desk.send(&ada, step(failing));
    let failed = desk.last().clone();
    let third = desk.send(&ada, step(Step::Add));
    let batch = desk.decide();
    let failure = ended(second, State::Failed, code);
    let expected = [completed(first), failure, completed(third)];
    assert_eq!(endings(&batch.facts), expected);
    // The sequence has no gap, because nothing of the failed command is written.
    assert_eq!(sequences(&batch), [Some(1), Some(2)], "{code}");
    let written = batch.records.iter();
    let written: Vec<_> = written.map(|record| &*record.topic).collect();
    let topics = &desk.factory.topics;
    let (events, outcomes) = (topics.events(), topics.outcomes());
    let letters = topics.dead_letters();
    let expected = [events, outcomes, letters, outcomes, events, outcomes];
    assert_eq!(written, expected, "{code}");
    // The dead letter is the command, unchanged.
    let letter = &batch.records[2];
    assert_eq!(Some(&letter.value), failed.value.as_ref());
    assert_eq!(letter.headers.last("ce_id"), failed.headers.last("ce_id"));
    assert_eq!(
        letter.headers.last("deadletter_code"),
        Some(code.as_bytes())
    );
    desk.adopt(batch);
    assert_eq!(desk.committed(&ada), (2, 2), "{code}");
}

#[test]
fn panic_in_decide_fails_its_command_alone() {
    check_fails_alone(Step::Panic, "panic");
}

#[test]
fn panic_in_evolve_fails_its_command_alone() {
    check_fails_alone(Step::PanicLater, "panic");
}

/// The first of two events is encoded before the panic, and must not be written.
#[test]
fn panic_in_encoding_fails_its_command_alone() {
    check_fails_alone(Step::PanicInEncoding, "panic");
}

#[test]
fn message_of_another_aggregate_fails_its_command_alone() {
    check_fails_alone(Step::OtherId, "wrong_id");
    check_fails_alone(Step::OtherIdLater, "wrong_id");
}

#[test]
fn result_that_is_too_large_fails_its_command_alone() {
    check_fails_alone(Step::Flood, "too_large");
}

/// The second of two events cannot be encoded; the first one must not be written either.
#[test]
fn result_that_cannot_be_encoded_fails_its_command_alone() {
    check_fails_alone(Step::Unlisted, "unwritable");
}

#[test]
fn undecodable_command_fails_as_unreadable() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let no_schema = desk.send(&ada, step(Step::Add));
    desk.last().value = Some(b"{}".to_vec());
    let no_value = desk.send(&ada, step(Step::Add));
    desk.last().value = None;
    let other_record = desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.record = "test.Other".to_owned();
    });
    let last = desk.send(&ada, step(Step::Add));
    let facts = desk.turn();
    let unreadable = [no_schema, no_value, other_record];
    let mut expected = unreadable
        .map(|operation| ended(operation, State::Failed, "unreadable"))
        .to_vec();
    expected.push(completed(last));
    assert_eq!(endings(&facts), expected);
    let letter = facts[0].letter.as_ref().unwrap();
    assert_eq!(letter.record.value.as_deref(), Some(&b"{}"[..]));
}

/// A record without an envelope has no operation and no subject; its position names both.
#[test]
fn command_without_an_envelope_fails_under_the_id_of_its_position() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send(&ada, step(Step::Add));
    desk.last().headers.clear();
    let record = desk.last().clone();
    let facts = desk.turn();
    let failed = ended(record.operation(), State::Failed, "unreadable");
    assert_eq!(endings(&facts), [failed]);
    let outcome = facts[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.envelope.subject, record.place());
    assert_eq!(outcome.value.name, "unknown");
}

#[test]
fn command_with_a_wrong_address_fails() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let other_key = desk.send(&ada, step(Step::Add));
    desk.last().key = Some(b"other".to_vec());
    let other_partition = desk.send(&ada, step(Step::Add));
    desk.last().partition = 1;
    let failed = |operation, code| ended(operation, State::Failed, code);
    let expected = [
        failed(other_key, "wrong_key"),
        failed(other_partition, "wrong_partition"),
    ];
    assert_eq!(endings(&desk.turn()), expected);
}

/// A dead letter that is too large has only the position of the command's record.
#[test]
fn dead_letter_that_is_too_large_has_no_data() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.last().value = Some(vec![1; 2_000_000]);
    let place = desk.last().place();
    let batch = desk.decide();
    let failed = ended(operation, State::Failed, "unreadable");
    assert_eq!(endings(&batch.facts), [failed]);
    let [letter, outcome] = &batch.records[..] else {
        panic!("{} records", batch.records.len())
    };
    assert!(letter.value.is_empty());
    let position = letter.headers.last("deadletter_position");
    assert_eq!(position, Some(place.as_bytes()));
    assert_eq!(
        (&*letter.key, &*outcome.key),
        (place.as_bytes(), place.as_bytes())
    );
}

/// Only the first command is known to be too large for the broker.
#[test]
fn fault_found_by_the_broker_fails_the_first_command() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let first = desk.send(&ada, step(Step::Add));
    let second = desk.send(&ada, step(Step::Add));
    let batch = desk.decide_within(Budget::with_fault(2, Fault::TooLarge));
    let failed = ended(first, State::Failed, "too_large");
    assert_eq!(endings(&batch.facts), [failed, completed(second)]);
}

/// An unavailable registry is no fault of a command: its partition waits, others continue.
#[test]
fn unavailable_registry_delays_a_partition() {
    let mut desk = Desk::new();
    let (ada, bob, eve) = (subject(0, 0), subject(1, 0), subject(0, 1));
    let first = desk.send(&ada, step(Step::Add));
    let delayed = desk.send(&ada, step(Step::Add));
    let behind = desk.send(&eve, step(Step::Add));
    let other = desk.send(&bob, step(Step::Add));
    let unavailable = |id| registry::Error::NotNow {
        id,
        status: 503,
        body: String::new(),
    };
    let batch = desk.decide_as(Budget::of(usize::MAX), &|record| {
        if record.operation() == delayed {
            return Err(decode::Error::Registry(unavailable(1)));
        }
        desk.read(record)
    });
    assert_eq!(endings(&batch.facts), [completed(first), completed(other)]);
    assert!(matches!(batch.waiting[&0], Waiting::Registry(_)));
    desk.adopt(batch);
    let expected = [completed(delayed), completed(behind)];
    assert_eq!(endings(&desk.turn()), expected);
}
