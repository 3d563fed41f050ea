//! A broker whose clock is wrong.

use chrono::TimeDelta;
use factline::Timestamp;
use uuid::Uuid;

use super::desk::{CLOCK, Desk, WINDOW, at, step, step_until, subject};
use super::endings::{completed, endings};
use super::messages::{Event, Step, Take};
use crate::decide::facts::Facts;
use crate::decide::inputs::MOST_AHEAD;

/// Sends a command that is appended by a broker whose clock is ahead. The sender's clock is right.
fn send_ahead(desk: &mut Desk, subject: &str, take: Take) -> Uuid {
    desk.now = at(CLOCK) + WINDOW + WINDOW;
    desk.send_as(subject, take, |envelope| envelope.origin_time = at(CLOCK))
}

/// Returns the time of each event.
fn times(facts: &[Facts<Event>]) -> Vec<Timestamp> {
    let events = facts.iter().flat_map(|facts| &facts.events);
    events.map(|event| event.envelope.time).collect()
}

#[test]
fn broker_ahead_makes_no_deadline_due() {
    let (mut desk, ada, due) = (Desk::new(), subject(0, 0), at(CLOCK + 1));
    desk.send(&ada, step_until(Step::Add, due, Step::Add));
    desk.turn();
    let operation = send_ahead(&mut desk, &subject(0, 1), step(Step::Add));
    let facts = desk.turn();
    assert_eq!(endings(&facts), [completed(operation)]);
    assert_eq!(times(&facts), [at(CLOCK)]);
}

#[test]
fn broker_ahead_makes_no_operation_forgotten() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::Add));
    desk.turn();
    send_ahead(&mut desk, &ada, step(Step::Add));
    desk.turn();
    desk.now = at(CLOCK + 1);
    desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.operation = operation;
    });
    assert!(endings(&desk.turn()).is_empty());
    assert_eq!(desk.committed(&ada).1, 2);
}

/// If the sender's clock agrees with the broker's, the worker's own is behind.
#[test]
fn worker_behind_takes_the_time_of_broker_and_sender() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK) + TimeDelta::hours(5);
    desk.send(&ada, step(Step::Add));
    assert_eq!(times(&desk.turn()), [desk.now]);
}

#[test]
fn difference_of_seconds_changes_nothing() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK) + MOST_AHEAD;
    desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.origin_time = at(CLOCK);
    });
    assert_eq!(times(&desk.turn()), [desk.now]);
}

/// Otherwise a deadline that a command sets for the next minutes would be due at once.
#[test]
fn broker_behind_does_not_date_a_command_before_its_origin() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK) - TimeDelta::hours(1);
    desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.origin_time = at(CLOCK - 5);
    });
    assert_eq!(times(&desk.turn()), [at(CLOCK - 5)]);
}

/// A sender whose clock is ahead must not make deadlines due either.
#[test]
fn sender_ahead_dates_a_command_at_the_clock_of_the_worker() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK - 5);
    desk.send_as(&ada, step(Step::Add), |envelope| {
        envelope.origin_time = at(CLOCK) + TimeDelta::hours(1);
    });
    assert_eq!(times(&desk.turn()), [at(CLOCK)]);
}

/// The worker handles a backlog, so its own clock is later than everything.
#[test]
fn command_of_a_backlog_keeps_its_append_time() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.now = at(CLOCK) - TimeDelta::hours(1);
    desk.send(&ada, step(Step::Add));
    assert_eq!(times(&desk.turn()), [desk.now]);
}
