//! Batches that are decided while the previous one is being committed.

use chrono::TimeDelta;
use factline::Delivery;
use proptest::prelude::*;
use uuid::Uuid;

use super::desk::{CLOCK, Desk, at, step, step_until, subject};
use super::endings::{completed, endings};
use super::messages::Step;
use crate::decide::encode::Outgoing;
use crate::decide::inputs::Budget;

/// A command: a counter, and its kind.
type Sent = (usize, u8);

const COUNTERS: usize = 6;

fn named(counter: usize) -> String {
    subject(i32::from(counter % 2 == 1), counter / 2)
}

/// Returns a desk on which these commands are pending.
fn desk(sent: &[Sent]) -> Desk {
    let mut desk = Desk::new();
    for (number, (counter, kind)) in (0_u32..).zip(sent) {
        let counter = named(*counter);
        desk.now += TimeDelta::seconds(7);
        let (add, earlier) = (step(Step::Add), Uuid::from_u128(1 + u128::from(number / 2)));
        match kind {
            0 => {
                let due = desk.now + TimeDelta::seconds(20);
                desk.send(&counter, step_until(Step::AddThrice, due, Step::Reject));
            }
            1 => {
                desk.send_as(&counter, add, |envelope| envelope.operation = earlier);
            }
            2 => {
                let scope = Some(format!("scope {}", number % 5));
                desk.send_as(&counter, add, |envelope| envelope.idempotency_scope = scope);
            }
            3 => {
                desk.send_as(&counter, add, |envelope| {
                    envelope.expected_version = Some(2);
                });
            }
            4 => {
                // A cancel of a command that may come later.
                desk.cancel(&counter, Uuid::from_u128(u128::from(number) + 3));
            }
            5 => {
                let delivery = Delivery {
                    number: u64::from(number / 2),
                    settled: 0..u64::from(number / 4),
                    sender: "/policies/test".into(),
                };
                desk.send_as(&counter, add, |envelope| envelope.delivery = Some(delivery));
            }
            _ => {
                desk.send(&counter, add);
            }
        }
    }
    desk
}

/// Returns the states of all counters.
fn states(desk: &Desk) -> Vec<String> {
    (0..COUNTERS)
        .map(|counter| desk.json(&named(counter)))
        .collect()
}

/// Decides all batches, each after the previous one was adopted. Nothing is on the disk.
fn in_turns(mut desk: Desk, limit: usize) -> (Vec<Vec<Outgoing>>, Vec<String>) {
    let mut written = Vec::new();
    loop {
        let batch = desk.decide_within(Budget::of(limit));
        if batch.is_empty() {
            return (written, states(&desk));
        }
        written.push(batch.records.clone());
        desk.adopt(batch);
    }
}

/// Decides all batches, each before the previous one is adopted. After `run` batches nothing is
/// being committed for a moment, as at the end of a worker's turn, and everything may move to the
/// disk.
fn ahead(
    mut desk: Desk,
    limit: usize,
    (run, moves): (usize, bool),
) -> (Vec<Vec<Outgoing>>, Vec<String>) {
    let mut written = Vec::new();
    let mut before = None;
    loop {
        let batch = match &before {
            Some(before) => desk.decide_on(before, Budget::of(limit)),
            None => desk.decide_within(Budget::of(limit)),
        };
        if let Some(before) = before.take() {
            desk.adopt_before_another(before);
        }
        if batch.is_empty() {
            return (written, states(&desk));
        }
        written.push(batch.records.clone());
        if written.len() % run == 0 {
            desk.adopt(batch);
            if moves {
                desk.move_all_to_disk();
            }
        } else {
            before = Some(batch);
        }
    }
}

proptest! {
    #[test]
    fn batches_are_the_same_if_they_are_decided_ahead(
        sent in prop::collection::vec((0..COUNTERS, 0..9_u8), 1..60),
        limit in 1..8_usize,
        run in (1..6_usize, any::<bool>()),
    ) {
        let (written, states) = ahead(desk(&sent), limit, run);
        let expected = in_turns(desk(&sent), limit);
        prop_assert!(written == expected.0, "the records differ");
        prop_assert_eq!(states, expected.1);
    }
}

#[test]
fn batch_continues_the_versions_of_the_one_that_is_being_committed() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operations = [0; 4].map(|_| desk.send(&ada, step(Step::Add)));
    let first = desk.decide_within(Budget::of(2));
    let second = desk.decide_on(&first, Budget::of(2));
    assert_eq!(
        endings(&second.facts),
        [completed(operations[2]), completed(operations[3])]
    );
    let event = &second.facts[1].events[0].envelope;
    assert_eq!(
        (event.sequence, event.partition_sequence),
        (Some(4), Some(4))
    );
    // The transaction of the first was aborted, so both are dropped.
    assert_eq!(desk.committed(&ada), (0, 0));
    assert_eq!(endings(&desk.decide().facts), operations.map(completed));
}

#[test]
fn deadline_that_is_being_committed_is_not_decided_again() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send(&ada, step_until(Step::Add, at(CLOCK + 10), Step::Add));
    desk.turn();
    desk.now = at(CLOCK + 20);
    desk.send(&subject(0, 1), step(Step::Add));
    let last = desk.send(&subject(0, 1), step(Step::Add));
    let first = desk.decide_within(Budget::of(2));
    assert_eq!(first.len(), 2, "the deadline and a command");
    let second = desk.decide_on(&first, Budget::of(2));
    assert_eq!(endings(&second.facts), [completed(last)]);
}
