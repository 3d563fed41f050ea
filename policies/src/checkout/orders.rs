//! What becomes of a checkout's order, told to the checkout.
//!
//! That an order is confirmed or cancelled is told by the end of the command, and not by the event: the command also ends well
//! when it was so before. A command that failed by the machinery's fault is told of only where the checkout would not ask again.

use checkout_schemas::{
    CHECKOUT, NoteOrderCancelled, NoteOrderConfirmed, NoteOrderNotCancelled, NoteOrderNotConfirmed,
    NoteOrderPlaced, NoteOrderRefused,
};
use factline::outcome::State;
use factline::{Contract, Emit, Fact, Outcome, Policy};
use ordering_schemas::ORDER;
use ordering_schemas::order::Event;
use uuid::Uuid;

use super::{checkout_of, tell};

/// The policy.
#[derive(Debug)]
pub struct Orders;

impl Policy for Orders {
    const NAME: &'static str = "checkout-orders";
    const SOURCE: &'static Contract = &ORDER;
    const TARGETS: &'static [&'static Contract] = &[&CHECKOUT];

    type Event = Event;

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
        Event::OrderPlaced(placed) => Some(tell(
            checkout_id,
            NoteOrderPlaced {
                checkout_id,
                total: checkout_schemas::Money {
                    amount: placed.total.amount,
                    currency: placed.total.currency.clone(),
                },
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
        ("ordering.PlaceOrder", State::Completed) => None,
        ("ordering.PlaceOrder", _) => Some(tell(
            checkout_id,
            NoteOrderRefused {
                checkout_id,
                code,
                reason,
            },
        )),
        ("ordering.ConfirmOrder", State::Completed) => {
            Some(tell(checkout_id, NoteOrderConfirmed { checkout_id }))
        }
        ("ordering.ConfirmOrder", State::Rejected) => Some(tell(
            checkout_id,
            NoteOrderNotConfirmed {
                checkout_id,
                code,
                reason,
            },
        )),
        ("ordering.CancelOrder", State::Completed) => {
            Some(tell(checkout_id, NoteOrderCancelled { checkout_id }))
        }
        ("ordering.CancelOrder", State::Rejected) => Some(tell(
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
