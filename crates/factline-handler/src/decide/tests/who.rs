//! The actor and the roles of a command reach the rules, and go no further than they should.

use factline::{Envelope, Roles};
use uuid::Uuid;

use super::desk::{CLOCK, Desk, at, step, step_until, subject};
use super::endings::{completed, ended, endings};
use super::messages::{Event, Step};
use crate::decide::facts::Facts;
use factline::outcome::State;

/// Changes the envelope of a command: ada sends it, with two roles.
fn by_ada(envelope: &mut Envelope) {
    envelope.actor = "ada".to_owned();
    envelope.roles = Roles::of(["clerk", "admin"]).unwrap();
}

/// Returns what the rules have noted about who asks.
fn notes(facts: &[Facts<Event>]) -> Vec<&str> {
    let events = facts.iter().flat_map(|facts| &facts.events);
    let notes = events.filter_map(|event| match &event.value {
        Event::Taken(taken) if taken.step == Step::Who => Some(taken.note.as_str()),
        _ => None,
    });
    notes.collect()
}

#[test]
fn rules_receive_the_actor_and_the_roles_of_a_client() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send(&ada, step(Step::Who));
    desk.send_as(&ada, step(Step::Who), by_ada);
    let first = desk.decide();
    let expected = ["Client anonymous {}", r#"Client ada {"admin", "clerk"}"#];
    assert_eq!(notes(&first.facts), expected);
    // A second handling of the same records.
    assert_eq!(desk.decide().facts, first.facts);
}

#[test]
fn events_and_outcomes_have_the_actor_and_no_roles() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send_as(&ada, step(Step::Add), by_ada);
    let facts = desk.turn();
    let outcome = facts[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.value.actor, "ada");
    for envelope in [&facts[0].events[0].envelope, &outcome.envelope] {
        assert_eq!((&*envelope.actor, envelope.roles.is_empty()), ("ada", true));
    }
}

#[test]
fn rules_can_tell_commands_of_policies_from_those_of_clients() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    desk.send_as(&ada, step(Step::Who), |envelope| {
        envelope.actor = "ada".to_owned();
        envelope.parent_operation = Some(Uuid::from_u128(99));
    });
    assert_eq!(notes(&desk.turn()), ["Policy ada {}"]);
}

/// The actor of a deadline is the actor of the event that set it, and not of the command whose
/// time makes it due.
#[test]
fn deadline_has_the_actor_of_the_event_that_set_it_and_no_roles() {
    let (mut desk, ada, due) = (Desk::new(), subject(0, 0), at(CLOCK + 10));
    desk.send_as(&ada, step_until(Step::Add, due, Step::Who), by_ada);
    desk.turn();
    desk.now = due;
    desk.send_as(&ada, step(Step::Who), |envelope| {
        envelope.actor = "bob".to_owned();
    });
    assert_eq!(notes(&desk.turn()), ["Deadline ada {}", "Client bob {}"]);
}

/// The operation decides whether a command is a duplicate, not the actor.
#[test]
fn retry_by_another_actor_is_a_duplicate() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let keyed = |envelope: &mut Envelope| {
        by_ada(envelope);
        envelope.idempotency_scope = Some("scope".to_owned());
    };
    let operation = desk.send_as(&ada, step(Step::Who), keyed);
    let again = |envelope: &mut Envelope| {
        keyed(envelope);
        envelope.actor = "bob".to_owned();
        (envelope.id, envelope.operation) = (operation, operation);
    };
    desk.send_as(&ada, step(Step::Who), again);
    let other = desk.send_as(&ada, step(Step::Who), |envelope| {
        keyed(envelope);
        envelope.actor = "bob".to_owned();
    });
    let facts = desk.turn();
    let reused = ended(other, State::Rejected, "idempotency_key_reused");
    assert_eq!(endings(&facts), [completed(operation), reused]);
    assert_eq!(notes(&facts), [r#"Client ada {"admin", "clerk"}"#]);
    desk.send_as(&ada, step(Step::Who), again);
    assert!(endings(&desk.turn()).is_empty());
}
