//! Properties of every command in every stage that commands and deadlines can reach.

use factline::aggregate::Workflow;
use factline::testing::withstands;
use proptest::prelude::*;

use super::*;

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => Just(begin().into()),
        1 => Just(BeginCheckout { payment_seconds: 1, ..begin() }.into()),
        3 => Just(order_placed().into()),
        1 => Just(order_refused().into()),
        3 => Just(captured().into()),
        1 => Just(declined().into()),
        1 => Just(payment_refused().into()),
        2 => Just(confirmed().into()),
        1 => Just(not_confirmed().into()),
        2 => Just(cancelled().into()),
        2 => prop_oneof![
            Just("order_confirmed"),
            Just("order_shipped"),
            Just("order_not_found"),
        ]
        .prop_map(|code| not_cancelled(code).into()),
        2 => Just(released().into()),
        1 => Just(expire().into()),
        1 => Just(CancelCheckout { checkout_id: ID }.into()),
    ]
}

proptest! {
    #[test]
    fn any_command_is_handled_in_any_stage(history in prop::collection::vec(command(), 0..20)) {
        withstands::<Checkout>(history);
    }

    /// With any answers or none: after all deadlines, the operation has ended exactly once.
    #[test]
    fn every_checkout_ends_once(
        history in prop::collection::vec((command(), any::<bool>()), 0..30),
    ) {
        let (mut state, mut now, mut open, mut ends) = (Checkout::default(), at(0), 0, 0);
        let mut commands: Vec<_> = history.into_iter().rev().collect();
        loop {
            let due = state.deadline();
            let command = match (commands.pop(), due) {
                (Some((command, false)), _) | (Some((command, true)), None) => command,
                (None, None) => break,
                (_, Some(due)) => {
                    now = now.max(due.due);
                    due.command
                }
            };
            let Ok(decision) = state.decide(command, &Context::at(now)) else { continue };
            match decision.workflow() {
                Some(Workflow::Begins) => open += 1,
                Some(Workflow::Ends(_)) => ends += 1,
                None => {}
            }
            prop_assert!(ends <= open, "ended twice");
            for event in decision.into_events() {
                state = state.evolve(&event);
            }
            // The kit requires a deadline for every open workflow.
            prop_assert!(open == ends || state.deadline().is_some());
        }
        prop_assert_eq!(open, ends);
        prop_assert!(open <= 1);
    }
}
