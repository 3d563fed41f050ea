//! What each fact leads to.

use checkout_schemas::checkout::{self as of_checkout};
use checkout_schemas::{
    CHECKOUT, CheckoutPaid, NoteOrderCancelled, NoteOrderConfirmed, NoteOrderNotCancelled,
    NoteOrderNotConfirmed, NoteOrderRefused, NotePaymentCaptured, NotePaymentReleased, order_id,
    payment_id,
};
use factline::outcome::State;
use factline::testing::{ended, happened, react};
use factline::{Emit, Fact};
use ordering_schemas::{ConfirmOrder, ORDER, order};
use payment_schemas::{Money, PaymentCaptured, payment};
use policies::checkout::{Checkouts, Orders, Payments};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(1);

fn told(note: impl Into<of_checkout::Command>) -> Vec<Emit> {
    let id = ID.to_string();
    vec![Emit::to::<of_checkout::Command>(&CHECKOUT, id, note)]
}

fn of_it<E>(fact: Fact<E>) -> Fact<E> {
    fact.of_process("checkout.checkout", &ID.to_string())
}

fn order_ended(command: &str, state: State, code: Option<&str>) -> Fact<order::Event> {
    ended(&order_id(ID).to_string(), command, state, code)
}

#[test]
fn what_a_checkout_asks_for_it_asks_as_a_process() {
    let order_id = order_id(ID);
    let paid = CheckoutPaid {
        checkout_id: ID,
        order_id,
        payment_id: payment_id(ID),
        due: 0,
    };
    let confirm =
        Emit::to::<order::Command>(&ORDER, order_id.to_string(), ConfirmOrder { order_id });
    let fact = happened(&ID.to_string(), paid);
    assert_eq!(react::<Checkouts>(&fact), [confirm.of_process()]);
}

#[test]
fn ends_of_an_orders_commands_are_told() {
    let checkout_id = ID;
    let (code, reason) = ("order_shipped".to_owned(), String::new());
    let (completed, rejected) = (State::Completed, State::Rejected);
    let react =
        |command: &str, state, code| react::<Orders>(&of_it(order_ended(command, state, code)));
    let shipped = Some("order_shipped");

    let told_so = told(NoteOrderConfirmed { checkout_id });
    assert_eq!(react("ordering.ConfirmOrder", completed, None), told_so);
    let told_so = told(NoteOrderNotConfirmed {
        checkout_id,
        code: code.clone(),
        reason: reason.clone(),
    });
    assert_eq!(react("ordering.ConfirmOrder", rejected, shipped), told_so);
    let told_so = told(NoteOrderCancelled { checkout_id });
    assert_eq!(react("ordering.CancelOrder", completed, None), told_so);
    let told_so = told(NoteOrderNotCancelled {
        checkout_id,
        code,
        reason: reason.clone(),
    });
    assert_eq!(react("ordering.CancelOrder", rejected, shipped), told_so);
    for state in [rejected, State::Failed, State::TimedOut, State::Cancelled] {
        let told_so = told(NoteOrderRefused {
            checkout_id,
            code: state.as_str().to_owned(),
            reason: reason.clone(),
        });
        assert_eq!(react("ordering.PlaceOrder", state, None), told_so);
    }
    // The event says more than that it is placed; what failed is asked again when its time is over.
    assert_eq!(react("ordering.PlaceOrder", completed, None), []);
    for state in [State::Failed, State::TimedOut, State::Cancelled] {
        assert_eq!(react("ordering.ConfirmOrder", state, None), []);
        assert_eq!(react("ordering.CancelOrder", state, None), []);
    }
}

#[test]
fn what_others_do_with_orders_is_not_told() {
    let fact = || order_ended("ordering.ConfirmOrder", State::Completed, None);
    assert_eq!(react::<Orders>(&fact()), []);
    let other = fact().of_process("shipping.parcel", &ID.to_string());
    assert_eq!(react::<Orders>(&other), []);
    let strange = fact().of_process("checkout.checkout", "no id");
    assert_eq!(react::<Orders>(&strange), []);
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

/// The provider's answers belong to no process: the payment says what it is for, and its id, whether that is true.
#[test]
fn a_capture_finds_its_checkout_without_a_process() {
    let reference = ID.to_string();
    let mine = payment_id(ID);
    let fact = captured(mine, &reference, true);
    let told_so = told(NotePaymentCaptured { checkout_id: ID });
    assert_eq!(react::<Payments>(&fact), told_so);
    assert_eq!(react::<Payments>(&captured(mine, &reference, false)), []);
    let another = Uuid::from_u128(7);
    assert_eq!(react::<Payments>(&captured(another, &reference, true)), []);
    assert_eq!(react::<Payments>(&captured(mine, "invoice 7", true)), []);
}

#[test]
fn a_payment_that_is_called_off_is_told_even_if_it_was_before() {
    let subject = payment_id(ID).to_string();
    let fact = ended(&subject, "payment.VoidPayment", State::Completed, None);
    let told_so = told(NotePaymentReleased { checkout_id: ID });
    assert_eq!(react::<Payments>(&of_it(fact)), told_so);
    let fact = ended(&subject, "payment.VoidPayment", State::Failed, None);
    assert_eq!(react::<Payments>(&of_it(fact)), []);
}
