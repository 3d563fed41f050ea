//! The order of deadlines and commands, and the result of a deadline.

use chrono::TimeDelta;
use factline::outcome::{OutcomeKind, State};
use factline::{AggregateType as _, Timestamp, id};
use uuid::Uuid;

use super::counter::CounterType;
use super::desk::{CLOCK, Desk, at, step, step_until, subject};
use super::endings::{completed, ended, endings};
use super::messages::{Event, Step};
use crate::decide::inputs::Budget;

/// Returns the operation of the deadline that an aggregate's version has set.
fn deadline(subject: &str, version: u64) -> Uuid {
    id::deadline(CounterType::NAME, subject, version)
}

/// Returns a desk with an aggregate that has a deadline, and the deadline's time.
fn desk_with_deadline(at_due: Step) -> (Desk, String, Timestamp) {
    let (mut desk, ada, due) = (Desk::new(), subject(0, 0), at(CLOCK + 10));
    desk.send(&ada, step_until(Step::Add, due, at_due));
    desk.turn();
    (desk, ada, due)
}

#[test]
fn deadline_is_decided_before_a_command_of_its_time() {
    let (mut desk, ada, due) = desk_with_deadline(Step::Add);
    desk.now = due;
    let operation = desk.send(&subject(0, 1), step(Step::Add));
    let facts = desk.turn();
    let expected = [completed(deadline(&ada, 1)), completed(operation)];
    assert_eq!(endings(&facts), expected);
    assert_eq!(facts[0].kind, OutcomeKind::Deadline);
    let event = &facts[0].events[0].envelope;
    assert_eq!((event.time, event.partition_sequence), (due, Some(2)));
    assert_eq!(desk.committed(&ada), (2, 1001));
}

#[test]
fn deadline_is_decided_after_an_earlier_command() {
    let (mut desk, ada, due) = desk_with_deadline(Step::Add);
    desk.now = due - TimeDelta::milliseconds(1);
    let earlier = desk.send(&ada, step_until(Step::Nothing, due, Step::Add));
    desk.now = due + TimeDelta::milliseconds(1);
    let later = desk.send(&ada, step(Step::Nothing));
    let expected = [
        completed(earlier),
        completed(deadline(&ada, 1)),
        completed(later),
    ];
    assert_eq!(endings(&desk.turn()), expected);
}

/// A command before the deadline can move it.
#[test]
fn deadline_that_a_command_moves_is_not_decided() {
    let (mut desk, ada, due) = desk_with_deadline(Step::Add);
    desk.now = due - TimeDelta::milliseconds(1);
    let moved = desk.send(
        &ada,
        step_until(Step::Add, due + TimeDelta::hours(1), Step::Add),
    );
    desk.now = due;
    let later = desk.send(&ada, step(Step::Nothing));
    let facts = desk.turn();
    assert_eq!(endings(&facts), [completed(moved), completed(later)]);
}

/// After downtime, the clock of the worker is far ahead of the deadline.
#[test]
fn late_deadline_has_its_due_time_and_records_the_clock() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK - 20);
    desk.send(&ada, step_until(Step::Add, at(CLOCK - 10), Step::HowLate));
    desk.turn();
    desk.now = at(CLOCK - 5);
    desk.send(&subject(0, 1), step(Step::Add));
    let facts = desk.turn();
    let (event, outcome) = (&facts[0].events[0], facts[0].outcome.as_ref().unwrap());
    for envelope in [&event.envelope, &outcome.envelope] {
        let times = (envelope.time, envelope.origin_time);
        assert_eq!(times, (at(CLOCK - 10), at(CLOCK)));
    }
    assert!(matches!(&event.value, Event::Taken(taken) if taken.note == "10 s late"));
    let due = at(CLOCK - 10).timestamp_micros();
    assert_eq!(outcome.value.created_at, due);
}

/// A deadline that a batch sets can be due in the same batch.
#[test]
fn deadline_is_decided_in_the_batch_that_sets_it() {
    let (mut desk, ada, due) = (Desk::new(), subject(0, 0), at(CLOCK + 10));
    let first = desk.send(&ada, step_until(Step::Add, due, Step::Add));
    desk.now = due;
    let second = desk.send(&ada, step(Step::Add));
    let expected = [
        completed(first),
        completed(deadline(&ada, 1)),
        completed(second),
    ];
    assert_eq!(endings(&desk.turn()), expected);
}

#[test]
fn deadline_of_an_idle_partition_is_decided_without_a_command() {
    let (mut desk, ada, due) = desk_with_deadline(Step::Add);
    assert!(desk.decide().is_empty());
    desk.idle = [(0, due - TimeDelta::milliseconds(1))].into();
    assert!(desk.decide().is_empty());
    desk.idle = [(0, due)].into();
    let batch = desk.decide();
    assert_eq!(endings(&batch.facts), [completed(deadline(&ada, 1))]);
    // Kafka checks the ownership of a partition by its offset.
    let offsets = batch.offsets(desk.factory.topics.commands());
    assert_eq!(offsets.elements()[0].offset(), rdkafka::Offset::Offset(2));
}

/// A deadline whose decision changes nothing stays the state's deadline, but is spent.
#[test]
fn deadline_without_an_effect_is_decided_once() {
    for (at_due, state, code) in [
        (Step::Nothing, State::Completed, None),
        (Step::Reject, State::Rejected, Some("refused".to_owned())),
    ] {
        let (mut desk, ada, due) = desk_with_deadline(at_due);
        desk.idle = [(0, due)].into();
        let facts = desk.turn();
        assert_eq!(endings(&facts), [(deadline(&ada, 1), state, code)]);
        assert_eq!(facts.len(), 1);
        assert!(desk.turn().is_empty());
    }
}

/// A deadline has no record to store as a dead letter.
#[test]
fn failed_deadline_is_spent_and_has_no_dead_letter() {
    for (at_due, code) in [
        (Step::Panic, "panic"),
        (Step::PanicLater, "panic"),
        (Step::Flood, "too_large"),
        (Step::Unlisted, "unwritable"),
        (Step::BeginWithoutEvent, "workflow"),
    ] {
        let (mut desk, ada, due) = desk_with_deadline(at_due);
        desk.now = due;
        let operation = desk.send(&ada, step(Step::Add));
        let batch = desk.decide();
        let failed = ended(deadline(&ada, 1), State::Failed, code);
        assert_eq!(endings(&batch.facts), [failed, completed(operation)]);
        assert_eq!((batch.len(), &batch.facts[0].letter), (2, &None));
        // Two outcomes, and the event of the command.
        assert_eq!(batch.records.len(), 3, "{code}");
        desk.adopt(batch);
        assert_eq!(desk.committed(&ada), (2, 2), "{code}");
    }
}

#[test]
fn deadline_counts_in_the_limit_of_a_batch() {
    let (mut desk, ada, due) = desk_with_deadline(Step::Add);
    desk.now = due;
    let operation = desk.send(&ada, step(Step::Add));
    let batch = desk.decide_within(Budget::of(1));
    assert_eq!(endings(&batch.facts), [completed(deadline(&ada, 1))]);
    desk.adopt(batch);
    assert_eq!(endings(&desk.turn()), [completed(operation)]);
}
