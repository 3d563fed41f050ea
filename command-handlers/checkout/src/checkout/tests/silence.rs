//! A checkout without answers from its participants.

use super::*;

const LATE: &str = "the order was not confirmed in time";

/// Returns the events of a stage that retries until its last attempt, from its first attempt on.
fn asked(step: Step, reason: &str, first: i64) -> (Vec<Event>, i64) {
    let (mut events, mut due) = (Vec::new(), first + 30);
    for attempt in 2..=ATTEMPTS {
        let next = due + (30 << (attempt - 1)).min(3600);
        events.push(retried(step, attempt, reason, next));
        due = next;
    }
    (events, due)
}

fn unanswered() -> Vec<Event> {
    let (events, due) = asked(Step::ConfirmOrder, "", 10);
    let mut history = vec![begun(), ordered(), paid(40)];
    history.extend(events);
    history.push(abandoned(Cause::ConfirmationUnanswered, LATE, due + 30));
    history
}

#[test]
fn order_not_placed_in_time_is_cancelled() {
    let reason = "the order was not placed in time";
    let cause = Cause::OrderTimedOut;
    placing()
        .when_due()
        .then([abandoned(cause, reason, 930)])
        .waking(at(930), expire());
    // No payment was requested, so none has to be released.
    given::<Checkout>([begun(), abandoned(cause, reason, 930)])
        .when(cancelled())
        .then([failed(cause, reason)])
        .concluding(&Conclusion::timed_out("order_timed_out", reason));
}

/// The answer about the placed order arrives before the answer that there was no order to cancel:
/// the two come from different topics.
#[test]
fn order_placed_during_cancellation_is_recalled() {
    let reason = "the order was not placed in time";
    let cause = Cause::OrderTimedOut;
    let recalled = retried(Step::CancelOrder, 1, reason, 940);
    let late = [begun(), abandoned(cause, reason, 930)];
    given::<Checkout>(late.clone())
        .at(at(910))
        .when(order_placed())
        .then([recalled.clone()])
        .waking(at(940), expire());
    let after = || given::<Checkout>(late.clone().into_iter().chain([recalled.clone()]));
    after().when(order_placed()).then_nothing();
    after()
        .when(not_cancelled("order_not_found"))
        .then_nothing();
    after()
        .when_due()
        .then([retried(Step::CancelOrder, 2, reason, 1000)]);
    after()
        .when(cancelled())
        .then([failed(cause, reason)])
        .concluding(&Conclusion::timed_out("order_timed_out", reason));
    // Without the late order, there is none to cancel.
    given::<Checkout>(late)
        .when(not_cancelled("order_not_found"))
        .then([failed(cause, reason)])
        .concluding(&Conclusion::timed_out("order_timed_out", reason));
}

#[test]
fn late_payment_is_voided_with_its_order() {
    let reason = "the payment was not made in time";
    let cause = Cause::PaymentTimedOut;
    let late = || abandoned(cause, reason, 930);
    paying().when_due().then([late()]);
    given::<Checkout>([begun(), ordered(), late()])
        .when(captured())
        .then_nothing();
    given::<Checkout>([begun(), ordered(), late()])
        .at(at(901))
        .when(cancelled())
        .then([releasing(cause, reason, 931)]);
    given::<Checkout>([begun(), ordered(), late(), releasing(cause, reason, 931)])
        .when(released())
        .then([failed(cause, reason)])
        .concluding(&Conclusion::timed_out("payment_timed_out", reason));
}

#[test]
fn expire_before_the_deadline_changes_nothing() {
    for checkout in [placing, paying, confirming, cancelling, released_next] {
        let early = checkout().deadline().unwrap().due - chrono::TimeDelta::microseconds(1);
        checkout().at(early).when(expire()).then_nothing();
    }
}

#[test]
fn unanswered_request_is_retried_with_growing_pauses() {
    for (checkout, step, reason) in [
        (confirming as Stage, Step::ConfirmOrder, ""),
        (cancelling, Step::CancelOrder, DECLINED),
    ] {
        let (events, _) = asked(step, reason, 10);
        let mut state = checkout().state();
        for event in events {
            let due = state.deadline().unwrap();
            let decision = state.decide(due.command, &Context::at(due.due)).unwrap();
            assert_eq!(decision.workflow(), None);
            assert_eq!(decision.into_events(), std::slice::from_ref(&event));
            state = state.evolve(&event);
        }
    }
}

#[test]
fn unanswered_confirmation_is_resolved_by_cancelling() {
    let confirmations = unanswered();
    let (abandonment, before) = confirmations.split_last().unwrap();
    given::<Checkout>(before.to_vec())
        .when_due()
        .then([abandonment.clone()]);

    for answer in [
        Command::from(not_cancelled("order_confirmed")),
        Command::from(confirmed()),
    ] {
        given::<Checkout>(confirmations.clone())
            .when(answer)
            .then([completed()])
            .concluding(&Conclusion::completed());
    }
    given::<Checkout>(confirmations)
        .at(at(9_000))
        .when(cancelled())
        .then([releasing(Cause::ConfirmationUnanswered, LATE, 9_030)]);
}

#[test]
fn shipped_order_is_confirmed_once_more_before_the_checkout_is_stuck() {
    let again = retried(Step::ConfirmOrder, ATTEMPTS + 1, "", 12_600);
    given::<Checkout>(unanswered())
        .at(at(9_000))
        .when(not_cancelled("order_shipped"))
        .then([again.clone()]);
    let left = || given::<Checkout>(unanswered().into_iter().chain([again.clone()]));
    left()
        .when(confirmed())
        .then([completed()])
        .concluding(&Conclusion::completed());
    let reason = "the request to confirm the order has not been answered";
    left()
        .when_due()
        .then([stuck(Step::ConfirmOrder, reason)])
        .concluding(&Conclusion::timed_out("checkout_stuck", reason));
}

#[test]
fn stuck_checkout_acts_on_answers_and_ends_once() {
    let (asked, _) = asked(Step::CancelOrder, DECLINED, 10);
    let mut history = vec![
        begun(),
        ordered(),
        abandoned(Cause::PaymentDeclined, DECLINED, 40),
    ];
    history.extend(asked);
    let reason = "the request to cancel the order has not been answered";
    let lost = stuck(Step::CancelOrder, reason);
    given::<Checkout>(history.clone())
        .when_due()
        .then([lost.clone()])
        .concluding(&Conclusion::timed_out("checkout_stuck", reason));

    history.push(lost);
    assert_eq!(given::<Checkout>(history.clone()).deadline(), None);
    given::<Checkout>(history.clone())
        .when(expire())
        .then_nothing();
    let next = releasing(Cause::PaymentDeclined, DECLINED, 9_030);
    given::<Checkout>(history.clone())
        .at(at(9_000))
        .when(cancelled())
        .then([next.clone()])
        .waking(at(9_030), expire());
    history.push(next);
    let state = given::<Checkout>(history).state();
    let decision = state
        .decide(released().into(), &Context::at(at(9_001)))
        .unwrap();
    assert_eq!(decision.workflow(), None);
    let end = [failed(Cause::PaymentDeclined, DECLINED)];
    assert_eq!(decision.into_events(), end);
}
