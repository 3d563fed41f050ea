//! Tests of each rule, and properties of all of them together.

use factline::testing::given;
use {context}_schemas::Create{Aggregate};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const ID: Uuid = Uuid::from_u128(1);

fn create(name: &str) -> Create{Aggregate} {
    Create{Aggregate} {
        {aggregate}_id: ID,
        name: name.into(),
    }
}

fn created(name: &str) -> Event {
    {Aggregate}Created {
        {aggregate}_id: ID,
        name: name.into(),
    }
    .into()
}

#[test]
fn create_creates_an_uncreated_{aggregate}() {
    given::<{Aggregate}>([])
        .when(create("one"))
        .then([created("one")]);
}

#[test]
fn create_again_is_already_so() {
    given::<{Aggregate}>([created("one")])
        .when(create("one"))
        .then_nothing();
}

#[test]
fn create_with_other_content_is_refused() {
    given::<{Aggregate}>([created("one")])
        .when(create("two"))
        .then_rejected(&Rejection::{Aggregate}Exists);
}

#[test]
fn unexpected_event_does_not_change_the_state() {
    let state = given::<{Aggregate}>([created("one"), created("two")]).state();
    assert_eq!(state, given([created("one")]).state());
}

fn command() -> impl Strategy<Value = Command> {
    "[ab]{0,2}".prop_map(|name| create(&name).into())
}

proptest! {
    /// Every event changes the state, and an accepted command is already so when it is sent again.
    #[test]
    fn events_change_the_state_and_commands_can_be_repeated(commands in prop::collection::vec(command(), 1..8)) {
        let mut state = {Aggregate}::default();
        for command in commands {
            let Ok(decision) = state.decide(command.clone(), &Context::default()) else {
                continue;
            };
            for event in decision.into_events() {
                let next = state.clone().evolve(&event);
                prop_assert_ne!(&state, &next);
                state = next;
            }
            let again = state.decide(command, &Context::default());
            prop_assert_eq!(again, Ok(Decision::nothing()));
        }
    }
}
