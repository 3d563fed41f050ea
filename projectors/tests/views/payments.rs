//! The effect of each event on a payment's row, in memory and in the table.

use factline::{Recorded, id};
use payment_schemas::payment::Event;
use payment_schemas::{
    Money, PaymentCaptured, PaymentDeclined, PaymentRefundRefused, PaymentRefundRequested,
    PaymentRefunded, PaymentRequested, PaymentVoided,
};
use projectors::payment::payments::{Charge, Payment, Payments, State, Whereabouts};
use uuid::Uuid;

use crate::histories::{HistoryEvent, at, history, rows};
use crate::tables::holds_what_is_projected;

impl HistoryEvent for Event {
    const AGGREGATE: &'static str = "payment.payment";

    fn subject(&self) -> Uuid {
        match self {
            Event::PaymentRequested(event) => event.payment_id,
            Event::PaymentCaptured(event) => event.payment_id,
            Event::PaymentDeclined(event) => event.payment_id,
            Event::PaymentVoided(event) => event.payment_id,
            Event::PaymentRefundRequested(event) => event.payment_id,
            Event::PaymentRefunded(event) => event.payment_id,
            Event::PaymentRefundRefused(event) => event.payment_id,
        }
    }
}

const REFERENCE: &str = "checkout 7";

fn money() -> Money {
    Money {
        amount: 750,
        currency: "EUR".to_owned(),
    }
}

fn payment_id(number: u32) -> Uuid {
    id::aggregate("payment.payment", &number.to_string())
}

fn requested(number: u32) -> Event {
    PaymentRequested {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        amount: money(),
        method: "card-ok".to_owned(),
    }
    .into()
}

fn captured(number: u32, charge: &str, kept: bool) -> Event {
    PaymentCaptured {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        provider_reference: charge.to_owned(),
        amount: money(),
        kept,
    }
    .into()
}

fn declined(number: u32) -> Event {
    PaymentDeclined {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        code: "no_funds".to_owned(),
    }
    .into()
}

fn voided(number: u32) -> Event {
    PaymentVoided {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        reason: "too late".to_owned(),
    }
    .into()
}

fn refund_requested(number: u32, charge: &str) -> Event {
    PaymentRefundRequested {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        provider_reference: charge.to_owned(),
        amount: money(),
        reason: "not wanted".to_owned(),
    }
    .into()
}

fn refunded(number: u32, charge: &str) -> Event {
    PaymentRefunded {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        provider_reference: charge.to_owned(),
        amount: money(),
    }
    .into()
}

fn refund_refused(number: u32, charge: &str) -> Event {
    PaymentRefundRefused {
        payment_id: payment_id(number),
        reference: REFERENCE.to_owned(),
        provider_reference: charge.to_owned(),
        amount: money(),
        code: "account_closed".to_owned(),
        reason: "the account is closed".to_owned(),
    }
    .into()
}

fn only(events: impl IntoIterator<Item = Event>) -> Payment {
    let mut rows = rows::<Payments>(&history(events));
    assert_eq!(rows.len(), 1);
    rows.pop_first().unwrap().1
}

/// Returns the state of a payment and of the money of its charges.
fn states(events: &[Event]) -> (State, Vec<Whereabouts>) {
    let payment = only(events.to_vec());
    let charges = payment.charges.iter().map(|charge| charge.state);
    (payment.state, charges.collect())
}

#[test]
fn payment_shows_the_requested_amount_and_the_charges() {
    let expected = Payment {
        reference: REFERENCE.to_owned(),
        state: State::Captured,
        amount: Some(money()),
        method: Some("card-ok".to_owned()),
        code: None,
        reason: None,
        charges: vec![Charge {
            provider_reference: "ch-1".to_owned(),
            amount: money(),
            state: Whereabouts::Kept,
            code: None,
            reason: None,
        }],
        created_at: at(0),
        updated_at: at(1),
        version: 2,
    };
    assert_eq!(only([requested(1), captured(1, "ch-1", true)]), expected);
}

#[test]
fn declined_or_voided_payment_shows_the_reason() {
    let refused = only([requested(1), declined(1)]);
    assert_eq!(refused.state, State::Declined);
    assert_eq!(refused.code.as_deref(), Some("no_funds"));
    let never_asked = only([voided(1)]);
    assert_eq!(
        (never_asked.state, never_asked.amount),
        (State::Voided, None)
    );
    assert_eq!(never_asked.reason.as_deref(), Some("too late"));
    let kept = [
        requested(1),
        captured(1, "ch-1", true),
        refund_requested(1, "ch-1"),
    ];
    let given_up = only(kept);
    assert_eq!(given_up.state, State::Voided);
    assert_eq!(given_up.reason.as_deref(), Some("not wanted"));
}

#[test]
fn charges_show_the_state_of_their_money() {
    use Whereabouts::{Kept, Refunded, Refunding};
    let kept = [requested(1), captured(1, "ch-1", true)];
    let and = |more: &[Event]| states(&[&kept[..], more].concat());
    assert_eq!(and(&[]), (State::Captured, vec![Kept]));
    let second = [captured(1, "ch-2", false), refund_requested(1, "ch-2")];
    assert_eq!(and(&second), (State::Captured, vec![Kept, Refunding]));
    let back = [&second[..], &[refunded(1, "ch-2")]].concat();
    assert_eq!(and(&back), (State::Captured, vec![Kept, Refunded]));
    let all = [
        &back[..],
        &[refund_requested(1, "ch-1"), refunded(1, "ch-1")],
    ]
    .concat();
    assert_eq!(and(&all), (State::Voided, vec![Refunded, Refunded]));
    let late = [
        voided(1),
        captured(1, "ch-1", false),
        refund_requested(1, "ch-1"),
    ];
    assert_eq!(states(&late), (State::Voided, vec![Refunding]));
}

#[test]
fn refused_refund_shows_the_reason() {
    let late = [
        voided(1),
        captured(1, "ch-1", false),
        refund_requested(1, "ch-1"),
    ];
    let refused = [&late[..], &[refund_refused(1, "ch-1")]].concat();
    assert_eq!(
        states(&refused),
        (State::Voided, vec![Whereabouts::RefundRefused])
    );
    let charge = only(refused.clone()).charges.remove(0);
    assert_eq!(charge.code.as_deref(), Some("account_closed"));
    assert_eq!(charge.reason.as_deref(), Some("the account is closed"));
    let back = only([&refused[..], &[refunded(1, "ch-1")]].concat());
    assert_eq!(back.charges[0].state, Whereabouts::Refunded);
    assert_eq!(back.charges[0].code, None);
}

/// Returns the events of thirty payments, with every kind of life.
pub(crate) fn lives() -> Vec<Recorded<Event>> {
    let mut events = Vec::new();
    for number in 0..30 {
        if number % 5 == 4 {
            events.push(voided(number));
        } else {
            events.push(requested(number));
        }
    }
    for number in 0..30 {
        match number % 5 {
            0 => {}
            1 => events.push(captured(number, "ch-1", true)),
            2 => events.push(declined(number)),
            3 => events.extend([
                captured(number, "ch-1", true),
                captured(number, "ch-2", false),
                refund_requested(number, "ch-2"),
                refunded(number, "ch-2"),
                refund_requested(number, "ch-1"),
                refund_refused(number, "ch-1"),
            ]),
            _ => events.extend([
                captured(number, "ch-1", false),
                refund_requested(number, "ch-1"),
            ]),
        }
    }
    history(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_table_holds_the_projected_rows() {
    holds_what_is_projected::<Payments>("payments.events", &lives()).await;
}
