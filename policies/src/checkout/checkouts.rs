//! Sends commands to a checkout's order and payment, as its events require.

use checkout_schemas::checkout::{self, Event};
use checkout_schemas::{
    CheckoutAbandoned, CheckoutBegun, CheckoutOrdered, CheckoutPaid, CheckoutRetried,
    PaymentReleaseRequested, Step,
};
use factline::{AggregateType as _, Contract, Emit, Fact, Policy};
use ordering_schemas::{CancelOrder, ConfirmOrder, Line, PlaceOrder, order};
use payment_schemas::{AuthorizePayment, VoidPayment, payment};
use uuid::Uuid;

/// The policy.
#[derive(Debug)]
pub struct Checkouts;

impl Policy for Checkouts {
    const NAME: &'static str = "checkout";
    const TARGETS: &'static [&'static Contract] = &[order::Type::CONTRACT, payment::Type::CONTRACT];

    type Source = checkout::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        let emit = match fact.event() {
            Some(Event::CheckoutBegun(begun)) => Some(place(begun)),
            Some(Event::CheckoutOrdered(ordered)) => Some(authorize(ordered)),
            Some(Event::CheckoutPaid(CheckoutPaid { order_id, .. })) => Some(confirm(*order_id)),
            Some(Event::CheckoutAbandoned(CheckoutAbandoned {
                order_id, reason, ..
            })) => Some(cancel(*order_id, reason)),
            Some(Event::PaymentReleaseRequested(PaymentReleaseRequested {
                checkout_id,
                payment_id,
                reason,
                ..
            })) => Some(void(*checkout_id, *payment_id, reason)),
            Some(Event::CheckoutRetried(retried)) => retry(retried),
            Some(
                Event::CheckoutStuck(_) | Event::CheckoutCompleted(_) | Event::CheckoutFailed(_),
            )
            | None => None,
        };
        emit.map(Emit::of_process).into_iter().collect()
    }
}

fn place(begun: &CheckoutBegun) -> Emit {
    let lines = begun.lines.iter().map(|line| Line {
        product_id: line.product_id.clone(),
        name: line.name.clone(),
        unit_price: line.unit_price.clone(),
        quantity: line.quantity,
    });
    to_order(
        begun.order_id,
        PlaceOrder {
            order_id: begun.order_id,
            customer_id: begun.customer_id.clone(),
            lines: lines.collect(),
        },
    )
}

fn authorize(ordered: &CheckoutOrdered) -> Emit {
    to_payment(
        ordered.payment_id,
        AuthorizePayment {
            payment_id: ordered.payment_id,
            reference: ordered.checkout_id.to_string(),
            amount: ordered.total.clone(),
            method: ordered.method.clone(),
        },
    )
}

fn confirm(order_id: Uuid) -> Emit {
    to_order(order_id, ConfirmOrder { order_id })
}

fn cancel(order_id: Uuid, reason: &str) -> Emit {
    let reason = reason.to_owned();
    to_order(order_id, CancelOrder { order_id, reason })
}

fn void(checkout_id: Uuid, payment_id: Uuid, reason: &str) -> Emit {
    to_payment(
        payment_id,
        VoidPayment {
            payment_id,
            reference: checkout_id.to_string(),
            reason: reason.to_owned(),
        },
    )
}

fn retry(retried: &CheckoutRetried) -> Option<Emit> {
    match retried.step {
        // The event is from a later version of the checkout, which needs a later version of this
        // policy.
        Step::Unknown => None,
        Step::ConfirmOrder => Some(confirm(retried.order_id)),
        Step::CancelOrder => Some(cancel(retried.order_id, &retried.reason)),
        Step::ReleasePayment => Some(void(
            retried.checkout_id,
            retried.payment_id,
            &retried.reason,
        )),
    }
}

fn to_order(order_id: Uuid, command: impl Into<order::Command>) -> Emit {
    Emit::to::<order::Type>(order_id.to_string(), command)
}

fn to_payment(payment_id: Uuid, command: impl Into<payment::Command>) -> Emit {
    Emit::to::<payment::Type>(payment_id.to_string(), command)
}
