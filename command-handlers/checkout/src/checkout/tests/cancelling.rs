//! A checkout that is cancelled: by itself at each stage, and among the answers of an order and a
//! payment in any order.

use std::collections::VecDeque;

use factline::aggregate::Workflow;
use factline::outcome::State;
use proptest::prelude::*;

use super::*;

const CAUSE: Cause = Cause::CheckoutCancelled;
const REASON: &str = "the checkout was cancelled";

fn conclusion() -> Conclusion {
    Conclusion::cancelled("checkout_cancelled", REASON)
}

#[test]
fn cancelled_checkout_without_a_payment_ends_with_its_order() {
    let off = abandoned(CAUSE, REASON, 35);
    placing()
        .at(at(5))
        .when_cancelled()
        .then([off.clone()])
        .waking(at(35), expire());
    given::<Checkout>([begun(), off])
        .when(cancelled())
        .then([failed(CAUSE, REASON)])
        .concluding(&conclusion());
}

#[test]
fn cancelled_checkout_releases_its_payment() {
    let off = abandoned(CAUSE, REASON, 40);
    paying().at(at(10)).when_cancelled().then([off.clone()]);
    let release = releasing(CAUSE, REASON, 50);
    given::<Checkout>([begun(), ordered(), off.clone()])
        .at(at(20))
        .when(cancelled())
        .then([release.clone()]);
    given::<Checkout>([begun(), ordered(), off, release])
        .when(released())
        .then([failed(CAUSE, REASON)])
        .concluding(&conclusion());
}

/// A payment that is captured too late is refunded when it is voided.
#[test]
fn payment_captured_after_the_cancel_changes_nothing() {
    given::<Checkout>([begun(), ordered(), abandoned(CAUSE, REASON, 40)])
        .when(captured())
        .then_nothing();
}

#[test]
fn second_cancel_changes_nothing() {
    let off = || abandoned(CAUSE, REASON, 40);
    given::<Checkout>([begun(), ordered(), off()])
        .when_cancelled()
        .then_nothing();
    given::<Checkout>([begun(), ordered(), off(), releasing(CAUSE, REASON, 50)])
        .when_cancelled()
        .then_nothing();
}

#[test]
fn paid_or_failed_checkout_is_not_cancelled() {
    for stage in [confirming as Stage, cancelling, released_next] {
        stage().when_cancelled().then_rejected(&Rejection::TooLate);
    }
    let done = given::<Checkout>([begun(), ordered(), paid(40), completed()]);
    assert_eq!(done.state().cancellation(), None);
    assert_eq!(given::<Checkout>([]).state().cancellation(), None);
}

/// The order, as ordering decides.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    None,
    Placed,
    Confirmed,
    Cancelled,
}

/// The payment, as payment decides.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Payment {
    None,
    Requested,
    Captured,
    Declined,
    Voided,
}

/// A command of the checkout to its order or its payment.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Place,
    Confirm,
    Cancel,
    Authorize,
    Void,
}

/// A checkout with its participants. Each queue keeps its order, and no other order is certain.
struct World {
    checkout: Checkout,
    order: Order,
    payment: Payment,
    now: Timestamp,
    to_order: VecDeque<Asked>,
    to_payment: VecDeque<Asked>,
    /// Events of the order, outcomes of its commands, facts of the payment.
    answers: [VecDeque<Command>; 3],
    ends: Vec<Conclusion>,
    is_cancelled: bool,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            checkout: Checkout::default(),
            order: Order::None,
            payment: Payment::None,
            now: at(0),
            to_order: VecDeque::new(),
            to_payment: VecDeque::new(),
            answers: Default::default(),
            ends: Vec::new(),
            is_cancelled: false,
        };
        world.decide(begin().into());
        world
    }

    /// Decides a command of the checkout, and sends what follows. Returns whether it is accepted.
    fn decide(&mut self, command: Command) -> bool {
        let Ok(decision) = self.checkout.decide(command, &Context::at(self.now)) else {
            return false;
        };
        if let Some(Workflow::Ends(conclusion)) = decision.workflow() {
            self.ends.push(conclusion.clone());
        }
        for event in decision.into_events() {
            self.checkout = std::mem::take(&mut self.checkout).evolve(&event);
            match event {
                Event::CheckoutBegun(_) => self.to_order.push_back(Asked::Place),
                Event::CheckoutOrdered(_) => self.to_payment.push_back(Asked::Authorize),
                Event::CheckoutPaid(_) => self.to_order.push_back(Asked::Confirm),
                Event::CheckoutAbandoned(_) => self.to_order.push_back(Asked::Cancel),
                Event::PaymentReleaseRequested(_) => self.to_payment.push_back(Asked::Void),
                Event::CheckoutRetried(retried) => match retried.step {
                    Step::Unknown => {}
                    Step::ConfirmOrder => self.to_order.push_back(Asked::Confirm),
                    Step::CancelOrder => self.to_order.push_back(Asked::Cancel),
                    Step::ReleasePayment => self.to_payment.push_back(Asked::Void),
                },
                Event::CheckoutStuck(_)
                | Event::CheckoutCompleted(_)
                | Event::CheckoutFailed(_) => {}
            }
        }
        true
    }

    /// Takes one of the steps that may be next. Returns whether there is something to do for it.
    fn step(&mut self, step: u8) -> bool {
        match step {
            0 => self
                .to_order
                .pop_front()
                .is_some_and(|asked| self.order(asked)),
            1 => self
                .to_payment
                .pop_front()
                .is_some_and(|asked| self.payment(asked)),
            2..=4 => {
                let answer = self.answers[usize::from(step - 2)].pop_front();
                answer.is_some_and(|answer| {
                    self.decide(answer);
                    true
                })
            }
            5 | 6 if self.payment == Payment::Requested => {
                let (payment, fact) = if step == 5 {
                    (Payment::Captured, captured().into())
                } else {
                    (Payment::Declined, declined().into())
                };
                self.payment = payment;
                self.answers[2].push_back(fact);
                true
            }
            // As the kit does: only while the operation is open.
            7 if self.ends.is_empty() => {
                let command = self.checkout.cancellation();
                let is_accepted = command.is_some_and(|command| self.decide(command));
                self.is_cancelled |= is_accepted;
                is_accepted
            }
            8 => self.checkout.deadline().is_some_and(|deadline| {
                self.now = self.now.max(deadline.due);
                self.decide(deadline.command)
            }),
            _ => false,
        }
    }

    fn order(&mut self, asked: Asked) -> bool {
        let (order, outcome): (_, Option<Command>) = match (asked, self.order) {
            (Asked::Place, Order::None) => {
                self.answers[0].push_back(order_placed().into());
                (Order::Placed, None)
            }
            (Asked::Confirm, Order::Placed | Order::Confirmed) => {
                (Order::Confirmed, Some(confirmed().into()))
            }
            (Asked::Confirm, other) => (other, Some(not_confirmed().into())),
            (Asked::Cancel, Order::None) => {
                (Order::None, Some(not_cancelled("order_not_found").into()))
            }
            (Asked::Cancel, Order::Confirmed) => (
                Order::Confirmed,
                Some(not_cancelled("order_confirmed").into()),
            ),
            (Asked::Cancel, _) => (Order::Cancelled, Some(cancelled().into())),
            (_, other) => (other, None),
        };
        self.order = order;
        self.answers[1].extend(outcome);
        true
    }

    fn payment(&mut self, asked: Asked) -> bool {
        match (asked, self.payment) {
            (Asked::Authorize, Payment::None) => self.payment = Payment::Requested,
            (Asked::Void, _) => {
                self.payment = Payment::Voided;
                self.answers[2].push_back(released().into());
            }
            _ => {}
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whenever a checkout is cancelled: it ends once, and then nothing is reserved or paid for an
    /// order that is not confirmed.
    #[test]
    fn cancelled_checkout_ends_once_and_keeps_nothing(
        steps in prop::collection::vec(
            prop_oneof![4 => 0_u8..5, 1 => Just(5), 1 => Just(6), 1 => Just(7), 1 => Just(8)],
            0..40,
        ),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // All answers arrive, and then the deadlines.
        while (0..5).any(|step| world.step(step)) || world.step(8) {}
        prop_assert_eq!(world.ends.len(), 1, "{:?}", world.ends);
        let end = &world.ends[0];
        match &world.checkout {
            Checkout::Completed { .. } => {
                prop_assert_eq!((world.order, world.payment), (Order::Confirmed, Payment::Captured));
            }
            Checkout::Failed { .. } => {
                prop_assert!(matches!(world.order, Order::None | Order::Cancelled));
                prop_assert!(!matches!(world.payment, Payment::Requested | Payment::Captured));
            }
            open => prop_assert!(false, "{open:?}"),
        }
        // If the participants were silent for hours, operators have to act first.
        let is_stuck = end.code == Some("checkout_stuck");
        prop_assert_eq!(world.is_cancelled, end.state == State::Cancelled || (is_stuck && world.is_cancelled));
    }
}
