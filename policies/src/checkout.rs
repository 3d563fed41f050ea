//! The policies of a checkout. Its decisions become commands to its order and its payment, and the
//! results of those commands are reported to it.
//!
//! | policy | reads | asks |
//! |---|---|---|
//! | [`Checkouts`] | events of `checkout.checkout` | `ordering.order`, `payment.payment` |
//! | [`Orders`] | events and outcomes of `ordering.order` | `checkout.checkout` |
//! | [`Payments`] | events and outcomes of `payment.payment` | `checkout.checkout` |
//!
//! Nothing is decided here. The rules of the contexts decide when to retry, when to give up and
//! what to give back. To add a step, add the arm of its event in [`Checkouts`], and the arm of its
//! reply in one of the others.

mod checkouts;
mod orders;
mod payments;

use checkout_schemas::checkout::{self, Command};
use factline::{AggregateType as _, Emit, Fact, Messages};
use uuid::Uuid;

pub use checkouts::Checkouts;
pub use orders::Orders;
pub use payments::Payments;

/// Sends a note to a checkout.
fn notify(checkout_id: Uuid, note: impl Into<Command>) -> Emit {
    Emit::to::<checkout::Type>(checkout_id.to_string(), note)
}

/// Returns the checkout whose command led to a fact, if a checkout sent it.
fn checkout_of<E: Messages>(fact: &Fact<E>) -> Option<Uuid> {
    fact.process(checkout::Type::NAME)?.parse().ok()
}
