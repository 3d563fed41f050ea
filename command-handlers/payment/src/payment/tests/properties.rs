//! Properties of every command in every reachable state.

use std::collections::BTreeMap;

use factline::testing::withstands;
use proptest::prelude::*;

use super::*;

/// Few values, so that commands interact.
fn command() -> impl Strategy<Value = Command> {
    let charge = || prop_oneof![Just("ch-1"), Just("ch-2"), Just("ch-3")];
    let amount = prop_oneof![4 => Just(750), 1 => Just(1), 1 => Just(-1)];
    prop_oneof![
        3 => Just(authorize().into()),
        1 => Just(AuthorizePayment { method: "card-other".into(), ..authorize() }.into()),
        4 => (charge(), amount).prop_map(|(charge, amount)| capture(charge, amount).into()),
        2 => Just(decline().into()),
        2 => charge().prop_map(|charge| refund(charge).into()),
        1 => charge().prop_map(|charge| refuse_refund(charge).into()),
        2 => Just(void().into()),
    ]
}

/// Decides a command and, if it is accepted, evolves the state; returns the decision.
fn handle(payment: &mut Payment, command: Command) -> Result<Vec<Event>, Rejection> {
    let events = payment.decide(command, &Context::default())?.into_events();
    for event in &events {
        *payment = payment.clone().evolve(event);
    }
    Ok(events)
}

proptest! {
    #[test]
    fn any_command_is_handled_in_any_state(history in prop::collection::vec(command(), 0..20)) {
        withstands::<Payment>(history);
    }

    #[test]
    fn commands_are_idempotent(
        history in prop::collection::vec(command(), 0..8),
        command in command(),
    ) {
        let mut payment = Payment::default();
        for earlier in history {
            let _ = handle(&mut payment, earlier);
        }
        let first = handle(&mut payment, command.clone());
        let after = payment.clone();
        prop_assert_eq!(handle(&mut payment, command), first.map(|_| vec![]));
        prop_assert_eq!(payment, after);
    }

    /// Every charge that is not kept has exactly one requested refund, and at most one charge is
    /// kept.
    #[test]
    fn charges_are_kept_or_refunded(history in prop::collection::vec(command(), 0..20)) {
        let mut payment = Payment::default();
        let mut open: BTreeMap<String, i64> = BTreeMap::new();
        for command in history {
            for event in handle(&mut payment, command).unwrap_or_default() {
                match event {
                    Event::PaymentCaptured(event) => {
                        let before = open.insert(event.provider_reference, event.amount.amount);
                        prop_assert_eq!(before, None, "a charge was recorded twice");
                    }
                    Event::PaymentRefundRequested(event) => {
                        let taken = open.remove(&event.provider_reference);
                        prop_assert_eq!(taken, Some(event.amount.amount));
                    }
                    Event::PaymentRequested(_)
                    | Event::PaymentDeclined(_)
                    | Event::PaymentVoided(_)
                    | Event::PaymentRefunded(_)
                    | Event::PaymentRefundRefused(_) => {}
                }
            }
        }
        let kept = match payment {
            Payment::Captured { asked, kept, .. } => vec![(kept, asked.amount.amount)],
            _ => vec![],
        };
        prop_assert_eq!(open.into_iter().collect::<Vec<_>>(), kept);
    }
}
