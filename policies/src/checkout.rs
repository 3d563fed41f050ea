//! The links of a checkout: what it decides becomes commands for its order and its payment, and what becomes of those
//! commands is told to it.
//!
//! | policy | reads | asks |
//! |---|---|---|
//! | [`Checkouts`] | events of `checkout.checkout` | `ordering.order`, `payment.payment` |
//! | [`Orders`] | events and outcomes of `ordering.order` | `checkout.checkout` |
//! | [`Payments`] | events and outcomes of `payment.payment` | `checkout.checkout` |
//!
//! Nothing is decided here: when to ask again, when to give up and what is given back are rules of the contexts. To add a step:
//! its event's arm in [`Checkouts`], and the arm of its answer in one of the others.

mod checkouts;
mod orders;
mod payments;

use checkout_schemas::CHECKOUT;
use checkout_schemas::checkout::Command;
use factline::{Emit, Fact, Messages};
use uuid::Uuid;

pub use checkouts::Checkouts;
pub use orders::Orders;
pub use payments::Payments;

/// Tells a checkout something.
fn tell(checkout_id: Uuid, note: impl Into<Command>) -> Emit {
    Emit::to::<Command>(&CHECKOUT, checkout_id.to_string(), note)
}

/// The checkout whose command led to a fact, if it was one.
fn checkout_of<E: Messages>(fact: &Fact<E>) -> Option<Uuid> {
    fact.process(CHECKOUT.aggregate)?.parse().ok()
}
