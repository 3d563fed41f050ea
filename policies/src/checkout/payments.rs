//! What becomes of a checkout's payment, told to the checkout.
//!
//! The provider's answers come in from outside and so belong to no process; the payment says what it is for. Whoever asks for
//! a payment may name a checkout there: only the one whose id derives from it is the checkout's.

use checkout_schemas::{
    CHECKOUT, NotePaymentCaptured, NotePaymentDeclined, NotePaymentRefused, NotePaymentReleased,
    payment_id,
};
use factline::outcome::State;
use factline::{Contract, Emit, Fact, Outcome, Policy};
use payment_schemas::PAYMENT;
use payment_schemas::payment::Event;
use uuid::Uuid;

use super::{checkout_of, tell};

/// The policy.
#[derive(Debug)]
pub struct Payments;

impl Policy for Payments {
    const NAME: &'static str = "checkout-payments";
    const SOURCE: &'static Contract = &PAYMENT;
    const TARGETS: &'static [&'static Contract] = &[&CHECKOUT];

    type Event = Event;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        let event = fact.event().and_then(happened);
        let outcome = fact.outcome();
        let outcome = outcome.and_then(|outcome| ended(checkout_of(fact)?, outcome));
        event.or(outcome).into_iter().collect()
    }
}

fn happened(event: &Event) -> Option<Emit> {
    match event {
        Event::PaymentCaptured(captured) if captured.kept => {
            let checkout_id = paid_for(captured.payment_id, &captured.reference)?;
            Some(tell(checkout_id, NotePaymentCaptured { checkout_id }))
        }
        Event::PaymentDeclined(declined) => {
            let checkout_id = paid_for(declined.payment_id, &declined.reference)?;
            let code = declined.code.clone();
            Some(tell(checkout_id, NotePaymentDeclined { checkout_id, code }))
        }
        // Money that is not kept is the payment's affair.
        Event::PaymentCaptured(_)
        | Event::PaymentRequested(_)
        | Event::PaymentVoided(_)
        | Event::PaymentRefundRequested(_)
        | Event::PaymentRefunded(_)
        | Event::PaymentRefundRefused(_) => None,
    }
}

fn ended(checkout_id: Uuid, outcome: &Outcome) -> Option<Emit> {
    match (outcome.name.as_str(), outcome.state) {
        ("payment.AuthorizePayment", State::Completed) => None,
        ("payment.AuthorizePayment", state) => Some(tell(
            checkout_id,
            NotePaymentRefused {
                checkout_id,
                code: outcome
                    .code
                    .clone()
                    .unwrap_or_else(|| state.as_str().to_owned()),
                reason: outcome.reason.clone().unwrap_or_default(),
            },
        )),
        ("payment.VoidPayment", State::Completed) => {
            Some(tell(checkout_id, NotePaymentReleased { checkout_id }))
        }
        _ => None,
    }
}

/// The checkout that a payment is for.
fn paid_for(payment: Uuid, reference: &str) -> Option<Uuid> {
    let checkout_id = reference.parse().ok()?;
    (payment_id(checkout_id) == payment).then_some(checkout_id)
}
