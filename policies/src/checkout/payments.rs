//! Reports the results of a checkout's payment to the checkout.
//!
//! The provider's replies come from outside and so belong to no process. The payment's reference
//! names its checkout. Any sender may name a checkout there, so a payment belongs to a checkout
//! only if its id derives from the checkout's id.

use checkout_schemas::{
    NotePaymentCaptured, NotePaymentDeclined, NotePaymentRefused, NotePaymentReleased, checkout,
    payment_id,
};
use factline::outcome::State;
use factline::{AggregateType as _, Contract, Emit, Fact, Outcome, Policy};
use payment_schemas::payment::{self, Event};
use payment_schemas::{AuthorizePayment, VoidPayment};
use uuid::Uuid;

use super::{checkout_of, notify};

/// The policy.
#[derive(Debug)]
pub struct Payments;

impl Policy for Payments {
    const NAME: &'static str = "checkout-payments";
    const TARGETS: &'static [&'static Contract] = &[checkout::Type::CONTRACT];

    type Source = payment::Type;

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
            Some(notify(checkout_id, NotePaymentCaptured { checkout_id }))
        }
        Event::PaymentDeclined(declined) => {
            let checkout_id = paid_for(declined.payment_id, &declined.reference)?;
            let code = declined.code.clone();
            Some(notify(
                checkout_id,
                NotePaymentDeclined { checkout_id, code },
            ))
        }
        // The payment itself handles money that is not kept.
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
        (AuthorizePayment::NAME, State::Completed) => None,
        (AuthorizePayment::NAME, state) => Some(notify(
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
        (VoidPayment::NAME, State::Completed) => {
            Some(notify(checkout_id, NotePaymentReleased { checkout_id }))
        }
        _ => None,
    }
}

/// Returns the checkout that a payment is for.
fn paid_for(payment: Uuid, reference: &str) -> Option<Uuid> {
    let checkout_id = reference.parse().ok()?;
    (payment_id(checkout_id) == payment).then_some(checkout_id)
}
