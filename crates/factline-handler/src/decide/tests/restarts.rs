//! Restarts: the recovered states are those that were committed, from the log alone and from
//! snapshots, with and without states on the disk.

use std::cell::Cell;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::desk::{Desk, step, step_until, subject};
use super::messages::Step;
use crate::state::partition::Partition;

/// Memory for about ten counters: enough that no new one is refused.
const BUDGET: u64 = 8000;

const COUNTERS: usize = 24;

/// Events of a partition between two rounds of snapshots.
const EVERY: u64 = 6;

/// A command of a random run: a counter, its kind, and what happens after it.
type Sent = (usize, u8, u8);

/// Number of cases in which something happened that the test is about.
#[derive(Default)]
struct Seen {
    /// Restarts while the list on disk had aggregates, and restarts from snapshots.
    listed: Cell<usize>,
    loaded: Cell<usize>,
}

fn named(counter: usize) -> String {
    subject(i32::from(counter % 2 == 1), counter / 2)
}

/// Sends random commands, with restarts in between. Returns what is known of each counter after
/// each restart, one after the other.
fn run(budget: u64, restarts: bool, sent: &[Sent], seen: &Seen) -> Vec<String> {
    let mut desk = Desk::with_snapshots(budget, EVERY);
    let mut states = Vec::new();
    for (counter, kind, after) in sent {
        let counter = named(*counter);
        desk.now += TimeDelta::seconds(7);
        let due = desk.now + TimeDelta::seconds(20);
        match kind {
            0 => desk.send(&counter, step_until(Step::Add, due, Step::Reject)),
            1 => desk.send(&counter, step_until(Step::Begin, due, Step::End)),
            2 => desk.send(&counter, step(Step::End)),
            _ => desk.send(&counter, step(Step::Add)),
        };
        if *after > 6 {
            continue;
        }
        for facts in desk.turn() {
            let code = facts.outcome.and_then(|outcome| outcome.value.code);
            assert_ne!(code.as_deref(), Some("capacity"), "the budget is too small");
        }
        if *after > 1 {
            continue;
        }
        if restarts {
            let mut partitions = desk.partitions.values();
            let listed = partitions.any(Partition::is_any_listed);
            seen.listed.set(seen.listed.get() + usize::from(listed));
            if *after == 0 {
                // From the log alone: every aggregate has yet to be written.
                desk.log.snapshots.clear();
            }
            desk.restart();
        }
        states.extend((0..COUNTERS).map(|number| desk.json(&named(number))));
    }
    seen.loaded.set(seen.loaded.get() + desk.log.loaded);
    states
}

/// A snapshot that is missing or outdated would show in the states: after a restart from snapshots,
/// only the events after their cover are read.
#[test]
fn recovered_states_are_those_that_were_committed() {
    let commands = prop::collection::vec((0..COUNTERS, 0_u8..9, 0_u8..24), 20..160);
    let seen = Seen::default();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let result = runner.run(&commands, |sent| {
        let nothing = Seen::default();
        let committed = run(u64::MAX, false, &sent, &nothing);
        for (budget, seen) in [(u64::MAX, &nothing), (BUDGET, &seen)] {
            let recovered = run(budget, true, &sent, seen);
            for (number, (state, expected)) in recovered.iter().zip(&committed).enumerate() {
                prop_assert_eq!(state, expected, "at {} of {} B", number, budget);
            }
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    let (listed, loaded) = (seen.listed.get(), seen.loaded.get());
    assert!(listed > 10 && loaded > 10, "{listed} {loaded}");
}

/// The snapshots of a batch are limited over all its partitions, and each round ends nevertheless.
#[test]
fn rounds_end_if_a_batch_has_room_for_one_partition() {
    let mut desk = Desk::with_snapshots(u64::MAX, 2);
    let counters = [named(0), named(1)];
    let mut written = [0; 2];
    for _ in 0..60 {
        for (partition, state) in &mut desk.partitions {
            if state.is_snapshot_due() {
                state.begin_snapshots(desk.log.end_of_events(*partition));
            }
        }
        for counter in &counters {
            desk.send(counter, step(Step::Add));
        }
        let mut batch = desk.decide();
        let before = batch.records.len();
        batch.add_snapshots(&desk.factory, &desk.partitions, 1, 0);
        let mut partitions = batch.records[before..]
            .iter()
            .map(|record| record.partition);
        if let Some(first) = partitions.next() {
            assert!(partitions.all(|partition| partition == first));
            written[usize::try_from(first).unwrap()] += 1;
        }
        desk.adopt(batch);
    }
    assert!(written.iter().all(|count| *count > 5), "{written:?}");
}
