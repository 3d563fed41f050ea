//! States and ids on the disk: commands are decided as if they were in memory. New aggregates are
//! refused when nothing can move.

use std::cell::Cell;

use chrono::TimeDelta;
use factline::outcome::State;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::desk::{CLOCK, Desk, at, step, step_until, subject};
use super::messages::{Event, Step};
use crate::decide::facts::Facts;

/// Memory for about five counters.
const BUDGET: u64 = 3000;

/// A command of a random run: a counter, its kind, and whether the batch ends after it.
type Sent = (usize, u8, bool);

fn named(counter: usize) -> String {
    subject(i32::from(counter % 2 == 1), counter / 2)
}

/// Sends random commands, and returns all facts and the states at the end. `moved` counts the turns
/// after which something was on disk.
fn run(budget: u64, sent: &[Sent], moved: &Cell<usize>) -> (Vec<Facts<Event>>, Vec<(u64, i64)>) {
    let mut desk = Desk::with_budget(budget);
    let mut facts = Vec::new();
    for (number, (counter, kind, ends_batch)) in sent.iter().enumerate() {
        let counter = named(*counter);
        desk.now += TimeDelta::seconds(7);
        let add = step(Step::Add);
        match kind {
            0 => {
                let due = desk.now + TimeDelta::seconds(20);
                desk.send(&counter, step_until(Step::Add, due, Step::Reject));
            }
            1 => {
                desk.send(&counter, step(Step::Nothing));
            }
            2 => {
                // An earlier operation, which may be of another counter.
                let operation = Uuid::from_u128(1 + u128::try_from(number / 2).unwrap());
                desk.send_as(&counter, add, |envelope| envelope.operation = operation);
            }
            3 => {
                let scope = Some(format!("scope {}", number % 5));
                desk.send_as(&counter, add, |envelope| envelope.idempotency_scope = scope);
            }
            4 => {
                desk.send_as(&counter, add, |envelope| {
                    envelope.expected_version = Some(2);
                });
            }
            _ => {
                desk.send(&counter, add);
            }
        }
        if *ends_batch {
            facts.extend(desk.turn());
            let is_any = desk
                .partitions
                .values()
                .any(|known| known.len_on_disk() > 0);
            moved.set(moved.get() + usize::from(is_any));
        }
    }
    facts.extend(desk.turn());
    let states = (0..12).map(|number| desk.committed(&named(number)));
    (facts, states.collect())
}

#[test]
fn disk_makes_no_difference() {
    let counters = prop::collection::vec((0_usize..12, 0_u8..9, any::<bool>()), 1..80);
    let moved = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
    let result = runner.run(&counters, |sent| {
        prop_assert_eq!(
            run(BUDGET, &sent, &moved),
            run(u64::MAX, &sent, &Cell::new(0))
        );
        Ok(())
    });
    assert_eq!(result, Ok(()));
    assert!(
        moved.get() > 100,
        "only {} turns with states on disk",
        moved.get()
    );
}

#[test]
fn new_aggregates_are_refused_without_memory_and_known_ones_are_not() {
    let mut desk = Desk::with_budget(4000);
    // The deadlines of aggregates stay in memory.
    let due = at(CLOCK) + TimeDelta::hours(10);
    let mut known = Vec::new();
    for number in 0..200 {
        let counter = subject(0, number);
        desk.send(&counter, step_until(Step::Add, due, Step::Add));
        let facts = desk.turn();
        let outcome = &facts[0].outcome.as_ref().unwrap().value;
        if outcome.state == State::Rejected {
            assert_eq!(outcome.code.as_deref(), Some("capacity"));
            break;
        }
        known.push(counter);
    }
    assert!((20..63).contains(&known.len()), "{}", known.len());
    assert!(desk.partitions[&0].len_on_disk() > 0);
    for counter in &known {
        let before = desk.committed(counter);
        desk.send(counter, step_until(Step::Add, due, Step::Add));
        desk.turn();
        assert_eq!(desk.committed(counter), (before.0 + 1, before.1 + 1));
    }
}
