//! The effect of each event on a checkout's row, in memory and in the table.

use checkout_schemas::checkout::Event;
use checkout_schemas::{
    Cause, CheckoutAbandoned, CheckoutBegun, CheckoutCompleted, CheckoutFailed, CheckoutOrdered,
    CheckoutPaid, CheckoutRetried, CheckoutStuck, Money, PaymentReleaseRequested, Step, order_id,
    payment_id,
};
use factline::{Recorded, id};
use projectors::checkout::checkouts::{Checkout, Checkouts, State};
use uuid::Uuid;

use crate::histories::{HistoryEvent, at, history, rows};
use crate::tables::holds_what_is_projected;

impl HistoryEvent for Event {
    const AGGREGATE: &'static str = "checkout.checkout";

    fn subject(&self) -> Uuid {
        match self {
            Event::CheckoutBegun(event) => event.checkout_id,
            Event::CheckoutOrdered(event) => event.checkout_id,
            Event::CheckoutPaid(event) => event.checkout_id,
            Event::CheckoutAbandoned(event) => event.checkout_id,
            Event::PaymentReleaseRequested(event) => event.checkout_id,
            Event::CheckoutRetried(event) => event.checkout_id,
            Event::CheckoutStuck(event) => event.checkout_id,
            Event::CheckoutCompleted(event) => event.checkout_id,
            Event::CheckoutFailed(event) => event.checkout_id,
        }
    }
}

const CAUSE: Cause = Cause::PaymentDeclined;

/// A checkout, with every event that it can have.
struct Of {
    checkout: Uuid,
    order: Uuid,
    payment: Uuid,
}

impl Of {
    fn checkout(number: u32) -> Self {
        let checkout_id = id::aggregate("checkout.checkout", &number.to_string());
        Self {
            checkout: checkout_id,
            order: order_id(checkout_id),
            payment: payment_id(checkout_id),
        }
    }

    fn total() -> Money {
        Money {
            amount: 750,
            currency: "EUR".to_owned(),
        }
    }

    fn begun(&self) -> Event {
        CheckoutBegun {
            checkout_id: self.checkout,
            customer_id: "ann".to_owned(),
            lines: vec![],
            method: "card-ok".to_owned(),
            payment_seconds: 900,
            order_id: self.order,
            payment_id: self.payment,
            payment_due: 0,
        }
        .into()
    }

    fn ordered(&self) -> Event {
        CheckoutOrdered {
            checkout_id: self.checkout,
            order_id: self.order,
            payment_id: self.payment,
            method: "card-ok".to_owned(),
            total: Self::total(),
        }
        .into()
    }

    fn paid(&self) -> Event {
        CheckoutPaid {
            checkout_id: self.checkout,
            order_id: self.order,
            payment_id: self.payment,
            due: 0,
        }
        .into()
    }

    fn abandoned(&self) -> Event {
        CheckoutAbandoned {
            checkout_id: self.checkout,
            order_id: self.order,
            cause: CAUSE,
            reason: "no funds".to_owned(),
            due: 0,
        }
        .into()
    }

    fn releasing(&self) -> Event {
        PaymentReleaseRequested {
            checkout_id: self.checkout,
            payment_id: self.payment,
            cause: CAUSE,
            reason: "no funds".to_owned(),
            due: 0,
        }
        .into()
    }

    fn retried(&self, step: Step) -> Event {
        CheckoutRetried {
            checkout_id: self.checkout,
            order_id: self.order,
            payment_id: self.payment,
            step,
            attempt: 2,
            reason: String::new(),
            due: 0,
        }
        .into()
    }

    fn stuck(&self) -> Event {
        CheckoutStuck {
            checkout_id: self.checkout,
            step: Step::CancelOrder,
            reason: "no reply".to_owned(),
        }
        .into()
    }

    fn completed(&self) -> Event {
        CheckoutCompleted {
            checkout_id: self.checkout,
            customer_id: "ann".to_owned(),
            order_id: self.order,
            payment_id: self.payment,
            total: Self::total(),
        }
        .into()
    }

    fn failed(&self) -> Event {
        CheckoutFailed {
            checkout_id: self.checkout,
            customer_id: "ann".to_owned(),
            order_id: self.order,
            payment_id: self.payment,
            cause: CAUSE,
            reason: "no funds".to_owned(),
        }
        .into()
    }
}

fn only(events: impl IntoIterator<Item = Event>) -> Checkout {
    let mut rows = rows::<Checkouts>(&history(events));
    assert_eq!(rows.len(), 1);
    rows.pop_first().unwrap().1
}

#[test]
fn new_checkout_names_its_order_and_payment() {
    let of = Of::checkout(1);
    let expected = Checkout {
        customer_id: "ann".to_owned(),
        state: State::Placing,
        order_id: of.order,
        payment_id: of.payment,
        total: None,
        code: None,
        reason: None,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    };
    assert_eq!(only([of.begun()]), expected);
}

#[test]
fn event_of_each_kind_sets_its_state() {
    let of = Of::checkout(1);
    let state_after = |events: &[Event]| {
        let row = only(
            [of.begun(), of.ordered()]
                .into_iter()
                .chain(events.to_vec()),
        );
        assert_eq!(row.total, Some(Of::total()));
        (row.state, row.code)
    };
    let code = |text: &str| Some(text.to_owned());
    let declined = || code("payment_declined");
    assert_eq!(state_after(&[]), (State::Paying, None));
    assert_eq!(state_after(&[of.paid()]), (State::Confirming, None));
    assert_eq!(
        state_after(&[of.paid(), of.completed()]),
        (State::Completed, None)
    );
    assert_eq!(
        state_after(&[of.abandoned()]),
        (State::Cancelling, declined())
    );
    let again = of.retried(Step::CancelOrder);
    let cancelling = (State::Cancelling, declined());
    assert_eq!(state_after(&[of.abandoned(), again]), cancelling);
    let confirm = of.retried(Step::ConfirmOrder);
    let confirming = state_after(&[of.abandoned(), confirm]).0;
    assert_eq!(confirming, State::Confirming);
    assert_eq!(
        state_after(&[of.releasing()]),
        (State::Releasing, declined())
    );
    assert_eq!(
        state_after(&[of.stuck()]),
        (State::Stuck, code("checkout_stuck"))
    );
    assert_eq!(
        state_after(&[of.stuck(), of.failed()]),
        (State::Failed, declined())
    );
    assert_eq!(
        state_after(&[of.stuck(), of.completed()]),
        (State::Completed, None)
    );
}

/// Returns the events of thirty checkouts, with every kind of life.
pub(crate) fn lives() -> Vec<Recorded<Event>> {
    let mut events = Vec::new();
    for number in 0..30 {
        events.push(Of::checkout(number).begun());
    }
    for number in 0..30 {
        let of = Of::checkout(number);
        match number % 5 {
            0 => {}
            1 => events.extend([of.ordered(), of.paid(), of.completed()]),
            2 => events.extend([of.ordered(), of.abandoned(), of.releasing(), of.failed()]),
            3 => events.extend([of.ordered(), of.abandoned(), of.stuck()]),
            _ => events.push(of.failed()),
        }
    }
    history(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn checkouts_table_holds_the_projected_rows() {
    holds_what_is_projected::<Checkouts>("checkouts.events", &lives()).await;
}
