//! A command is decided once, however often its record is in the log.

use std::ops::Range;

use factline::{Delivery, Timestamp};
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
    state
        .remember(&Remembered {
            operation,
            time,
            record: None,
            scope: None,
            delivery: None,
            is_deadline: false,
        })
        .unwrap();
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

/// Appends a command with its number among those of its sender.
fn send_numbered(desk: &mut Desk, operation: u128, number: u64, settled: Range<u64>) {
    let (ada, operation) = (subject(0, 0), Uuid::from_u128(operation));
    desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.id = operation;
        envelope.operation = operation;
        envelope.delivery = Some(Delivery {
            sender: "a policy".into(),
            number,
            settled,
        });
    });
}

/// Returns the labels of what a turn decides.
fn labels(desk: &mut Desk) -> Vec<&'static str> {
    desk.turn().iter().map(Facts::label).collect()
}

/// Only the commands that the sender may still repeat are remembered, and the others are known to
/// be repeats.
#[test]
fn numbered_commands_are_decided_once_and_forgotten_when_settled() {
    let mut desk = Desk::new();
    for number in 0..50_u64 {
        send_numbered(
            &mut desk,
            1000 + u128::from(number),
            number,
            0..number.saturating_sub(2),
        );
        // Two commands of one batch, and of different batches.
        if number % 2 == 0 {
            assert!(labels(&mut desk).iter().all(|label| *label == "completed"));
        }
    }
    assert_eq!(labels(&mut desk), ["completed"]);
    assert_eq!(desk.partitions[&0].remembered(), 3);
    for number in [0, 20, 46, 47, 48, 49_u64] {
        send_numbered(&mut desk, 1000 + u128::from(number), number, 0..0);
    }
    assert_eq!(labels(&mut desk), ["duplicate"; 6]);
    assert_eq!(desk.committed(&subject(0, 0)), (50, 50));
}

/// The producer may append commands in another order than that of their numbers.
#[test]
fn number_below_a_decided_one_is_decided_unless_it_is_settled() {
    let mut desk = Desk::new();
    send_numbered(&mut desk, 8, 8, 0..3);
    send_numbered(&mut desk, 5, 5, 0..3);
    send_numbered(&mut desk, 2, 2, 0..0);
    assert_eq!(labels(&mut desk), ["completed", "completed", "duplicate"]);
}

/// A restart reads from the outcomes what the worker knew.
#[test]
fn numbers_are_read_back_from_outcomes() {
    let mut desk = Desk::new();
    send_numbered(&mut desk, 7, 7, 0..6);
    let facts = desk.turn();
    let envelope = &facts[0].outcome.as_ref().unwrap().envelope;
    assert_eq!(
        envelope.delivery.as_ref().map(|known| known.number),
        Some(7)
    );
    assert!(
        facts[0]
            .events
            .iter()
            .all(|event| event.envelope.delivery.is_none())
    );

    let mut restarted = Desk::new();
    let state = restarted.partitions.get_mut(&0).unwrap();
    state
        .remember(&Remembered {
            operation: envelope.operation,
            time: restarted.now,
            record: None,
            scope: None,
            delivery: envelope.delivery.clone(),
            is_deadline: false,
        })
        .unwrap();
    send_numbered(&mut restarted, 7, 7, 0..6);
    send_numbered(&mut restarted, 5, 5, 0..0);
    send_numbered(&mut restarted, 6, 6, 0..6);
    assert_eq!(
        labels(&mut restarted),
        ["duplicate", "duplicate", "completed"]
    );
}

#[test]
fn malformed_number_fails_the_command_alone() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send(&ada, step(Step::Add));
    let headers = &mut desk.last().headers;
    headers.push("ce_delivery", b"x");
    desk.send(&ada, step(Step::Add));
    assert_eq!(labels(&mut desk), ["failed", "completed"]);
}
