//! Reports the results of a checkout's order to the checkout.
//!
//! The outcome of the command reports that an order is confirmed or cancelled, and not the event,
//! because the command also completes if the order was so before. A command that failed for a
//! technical reason is reported only where the checkout would not retry.

use checkout_schemas::{
    NoteOrderCancelled, NoteOrderConfirmed, NoteOrderNotCancelled, NoteOrderNotConfirmed,
    NoteOrderPlaced, NoteOrderRefused, checkout,
};
use factline::outcome::State;
use factline::{AggregateType as _, Contract, Emit, Fact, Outcome, Policy};
use ordering_schemas::order::{self, Event};
use ordering_schemas::{CancelOrder, ConfirmOrder, PlaceOrder};
use uuid::Uuid;

use super::{checkout_of, notify};

/// The policy.
#[derive(Debug)]
pub struct Orders;

impl Policy for Orders {
    const NAME: &'static str = "checkout-orders";
    const TARGETS: &'static [&'static Contract] = &[checkout::Type::CONTRACT];

    type Source = order::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        let Some(checkout_id) = checkout_of(fact) else {
            return Vec::new();
        };
        let event = fact.event().and_then(|event| happened(checkout_id, event));
        let outcome = fact.outcome().and_then(|end| ended(checkout_id, end));
        event.or(outcome).into_iter().collect()
    }
}

fn happened(checkout_id: Uuid, event: &Event) -> Option<Emit> {
    match event {
        Event::OrderPlaced(placed) => Some(notify(
            checkout_id,
            NoteOrderPlaced {
                checkout_id,
                total: placed.total.clone(),
            },
        )),
        Event::PastOrderRecorded(_)
        | Event::OrderConfirmed(_)
        | Event::OrderShipped(_)
        | Event::OrderCancelled(_) => None,
    }
}

fn ended(checkout_id: Uuid, outcome: &Outcome) -> Option<Emit> {
    let code = outcome.code.clone();
    let code = code.unwrap_or_else(|| outcome.state.as_str().to_owned());
    let reason = outcome.reason.clone().unwrap_or_default();
    match (outcome.name.as_str(), outcome.state) {
        (PlaceOrder::NAME, State::Completed) => None,
        (PlaceOrder::NAME, _) => Some(notify(
            checkout_id,
            NoteOrderRefused {
                checkout_id,
                code,
                reason,
            },
        )),
        (ConfirmOrder::NAME, State::Completed) => {
            Some(notify(checkout_id, NoteOrderConfirmed { checkout_id }))
        }
        (ConfirmOrder::NAME, State::Rejected) => Some(notify(
            checkout_id,
            NoteOrderNotConfirmed {
                checkout_id,
                code,
                reason,
            },
        )),
        (CancelOrder::NAME, State::Completed) => {
            Some(notify(checkout_id, NoteOrderCancelled { checkout_id }))
        }
        (CancelOrder::NAME, State::Rejected) => Some(notify(
            checkout_id,
            NoteOrderNotCancelled {
                checkout_id,
                code,
                reason,
            },
        )),
        _ => None,
    }
}
