//! The commands that follow from each fact.

use checkout_schemas::checkout::{self as of_checkout};
use checkout_schemas::{
    CheckoutPaid, NoteOrderCancelled, NoteOrderConfirmed, NoteOrderNotCancelled,
    NoteOrderNotConfirmed, NoteOrderRefused, NotePaymentCaptured, NotePaymentReleased, order_id,
    payment_id,
};
use factline::outcome::State;
use factline::testing::{ended, happened, react};
use factline::{AggregateType as _, Emit, Fact};
use ordering_schemas::{CancelOrder, ConfirmOrder, PlaceOrder, order};
use payment_schemas::{Money, PaymentCaptured, VoidPayment, payment};
use policies::checkout::{Checkouts, Orders, Payments};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(1);

fn notes(note: impl Into<of_checkout::Command>) -> Vec<Emit> {
    let id = ID.to_string();
    vec![Emit::to::<of_checkout::Type>(id, note)]
}

fn of_it<E>(fact: Fact<E>) -> Fact<E> {
    fact.of_process(of_checkout::Type::NAME, &ID.to_string())
}

fn order_ended(command: &str, state: State, code: Option<&str>) -> Fact<order::Event> {
    ended(&order_id(ID).to_string(), command, state, code)
}

#[test]
fn checkout_sends_commands_as_a_process() {
    let order_id = order_id(ID);
    let paid = CheckoutPaid {
        checkout_id: ID,
        order_id,
        payment_id: payment_id(ID),
        due: 0,
    };
    let confirm = Emit::to::<order::Type>(order_id.to_string(), ConfirmOrder { order_id });
    let fact = happened(&ID.to_string(), paid);
    assert_eq!(react::<Checkouts>(&fact), [confirm.of_process()]);
}

#[test]
fn outcomes_of_an_orders_commands_are_reported_to_its_checkout() {
    let checkout_id = ID;
    let (code, reason) = ("order_shipped".to_owned(), String::new());
    let (completed, rejected) = (State::Completed, State::Rejected);
    let react =
        |command: &str, state, code| react::<Orders>(&of_it(order_ended(command, state, code)));
    let shipped = Some("order_shipped");

    let expected = notes(NoteOrderConfirmed { checkout_id });
    assert_eq!(react(ConfirmOrder::NAME, completed, None), expected);
    let expected = notes(NoteOrderNotConfirmed {
        checkout_id,
        code: code.clone(),
        reason: reason.clone(),
    });
    assert_eq!(react(ConfirmOrder::NAME, rejected, shipped), expected);
    let expected = notes(NoteOrderCancelled { checkout_id });
    assert_eq!(react(CancelOrder::NAME, completed, None), expected);
    let expected = notes(NoteOrderNotCancelled {
        checkout_id,
        code,
        reason: reason.clone(),
    });
    assert_eq!(react(CancelOrder::NAME, rejected, shipped), expected);
    for state in [rejected, State::Failed, State::TimedOut, State::Cancelled] {
        let expected = notes(NoteOrderRefused {
            checkout_id,
            code: state.as_str().to_owned(),
            reason: reason.clone(),
        });
        assert_eq!(react(PlaceOrder::NAME, state, None), expected);
    }
    // The event contains more than the outcome of the placement. The checkout retries a failed
    // command after its time limit.
    assert_eq!(react(PlaceOrder::NAME, completed, None), []);
    for state in [State::Failed, State::TimedOut, State::Cancelled] {
        assert_eq!(react(ConfirmOrder::NAME, state, None), []);
        assert_eq!(react(CancelOrder::NAME, state, None), []);
    }
}

#[test]
fn outcomes_of_foreign_commands_to_orders_are_not_reported() {
    let fact = || order_ended(ConfirmOrder::NAME, State::Completed, None);
    assert_eq!(react::<Orders>(&fact()), []);
    let other = fact().of_process("shipping.parcel", &ID.to_string());
    assert_eq!(react::<Orders>(&other), []);
    let invalid = fact().of_process("checkout.checkout", "no id");
    assert_eq!(react::<Orders>(&invalid), []);
}

fn captured(payment_id: Uuid, reference: &str, kept: bool) -> Fact<payment::Event> {
    let event = PaymentCaptured {
        payment_id,
        reference: reference.to_owned(),
        provider_reference: "ch-1".to_owned(),
        amount: Money {
            amount: 750,
            currency: "EUR".to_owned(),
        },
        kept,
    };
    happened(&payment_id.to_string(), event)
}

/// The provider's replies belong to no process. The payment names its checkout, and its id proves
/// it.
#[test]
fn captured_payment_is_reported_to_its_checkout_without_a_process() {
    let reference = ID.to_string();
    let mine = payment_id(ID);
    let fact = captured(mine, &reference, true);
    let expected = notes(NotePaymentCaptured { checkout_id: ID });
    assert_eq!(react::<Payments>(&fact), expected);
    assert_eq!(react::<Payments>(&captured(mine, &reference, false)), []);
    let another = Uuid::from_u128(7);
    assert_eq!(react::<Payments>(&captured(another, &reference, true)), []);
    assert_eq!(react::<Payments>(&captured(mine, "invoice 7", true)), []);
}

#[test]
fn voided_payment_is_reported_even_if_it_was_voided_before() {
    let subject = payment_id(ID).to_string();
    let fact = ended(&subject, VoidPayment::NAME, State::Completed, None);
    let expected = notes(NotePaymentReleased { checkout_id: ID });
    assert_eq!(react::<Payments>(&of_it(fact)), expected);
    let fact = ended(&subject, VoidPayment::NAME, State::Failed, None);
    assert_eq!(react::<Payments>(&of_it(fact)), []);
}
