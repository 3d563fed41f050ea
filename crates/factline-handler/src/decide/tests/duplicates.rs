//! A command is decided once, however often its record is in the log.

use factline::Timestamp;
use uuid::Uuid;

use super::desk::{Desk, WINDOW, step, subject};
use super::endings::{completed, endings};
use super::messages::Step;
use crate::decide::facts::Facts;
use crate::state::partition::Remembered;

/// Appends a command with the operation of an earlier one.
fn send_again(desk: &mut Desk, subject: &str, operation: Uuid) {
    desk.send_as(subject, step(Step::Add), |envelope| {
        envelope.id = operation;
        envelope.operation = operation;
    });
}

fn remember(desk: &mut Desk, operation: Uuid, time: Timestamp) {
    let state = desk.partitions.get_mut(&0).unwrap();
    state.remember(&Remembered {
        operation,
        time,
        record: None,
        scope: None,
    });
}

#[test]
fn duplicate_in_one_batch_is_decided_once() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    send_again(&mut desk, &ada, operation);
    let batch = desk.decide();
    assert_eq!(endings(&batch.facts), [completed(operation)]);
    let labels: Vec<_> = batch.facts.iter().map(Facts::label).collect();
    assert_eq!(labels, ["completed", "duplicate"]);
    // One event and one outcome.
    assert_eq!(batch.records.len(), 2);
    desk.adopt(batch);
    assert_eq!(desk.committed(&ada), (1, 1));
}

#[test]
fn duplicate_of_an_adopted_command_is_not_decided() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.turn();
    send_again(&mut desk, &ada, operation);
    let batch = desk.decide();
    assert_eq!((batch.len(), batch.records.len()), (1, 0));
    desk.adopt(batch);
    assert_eq!(desk.committed(&ada), (1, 1));
}

#[test]
fn duplicate_of_a_remembered_operation_is_not_decided() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = Uuid::from_u128(700);
    let now = desk.now;
    remember(&mut desk, operation, now);
    send_again(&mut desk, &ada, operation);
    let other = desk.send(&ada, step(Step::Add));
    assert_eq!(endings(&desk.turn()), [completed(other)]);
    assert_eq!(desk.committed(&ada), (1, 1));
}

/// The offset of a duplicate is committed, although nothing else is written.
#[test]
fn duplicate_is_not_pending_after_the_commit() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.turn();
    send_again(&mut desk, &ada, operation);
    let batch = desk.decide();
    let offsets = batch.offsets(desk.factory.topics.commands());
    let offset = offsets.elements()[0].offset();
    assert_eq!(offset, rdkafka::Offset::Offset(3));
    desk.adopt(batch);
    assert!(desk.pending.is_empty());
}

#[test]
fn operation_is_forgotten_after_the_window() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.turn();
    desk.now += WINDOW + WINDOW;
    desk.send(&ada, step(Step::Add));
    desk.turn();
    // A client that repeats a command so late makes a new one: its origin is within the window.
    send_again(&mut desk, &ada, operation);
    assert_eq!(endings(&desk.turn()), [completed(operation)]);
}
