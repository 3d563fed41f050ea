//! The view `checkouts`: the current state of every checkout, read by id.

use checkout_schemas::checkout::{self, Event};
use checkout_schemas::{Cause, Money, Step};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, TextEnum, View};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct Checkouts;

/// One checkout.
#[derive(Debug, Clone, PartialEq, Columns)]
pub struct Checkout {
    /// The customer.
    pub customer_id: String,
    /// Its state.
    pub state: State,
    /// Its order.
    pub order_id: Uuid,
    /// Its payment.
    pub payment_id: Uuid,
    /// The total of the order, once it is placed.
    #[column(embed(amount = "total_amount", currency))]
    pub total: Option<Money>,
    /// Stable code of the failure reason.
    pub code: Option<String>,
    /// Explanation of the failure reason for people.
    pub reason: Option<String>,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last event.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// A checkout's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TextEnum)]
pub enum State {
    /// The order is being placed.
    Placing,
    /// The payment is awaited.
    Paying,
    /// The order is being confirmed.
    Confirming,
    /// The order is being cancelled.
    Cancelling,
    /// The payment is being released.
    Releasing,
    /// All retries stayed without a reply. An operator has to intervene.
    Stuck,
    /// Paid and confirmed.
    Completed,
    /// The customer bought nothing.
    Failed,
}

impl View for Checkouts {
    const NAME: &'static str = "checkouts";
    const VERSION: i32 = 2;
    const KEY: &'static str = "checkout_id";
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/checkout/checkouts/migrations");
}

impl Projection for Checkouts {
    type Source = checkout::Type;
    type Key = Uuid;
    type Row = Checkout;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        vec![match &event.event {
            Event::CheckoutBegun(event) => event.checkout_id,
            Event::CheckoutOrdered(event) => event.checkout_id,
            Event::CheckoutPaid(event) => event.checkout_id,
            Event::CheckoutAbandoned(event) => event.checkout_id,
            Event::PaymentReleaseRequested(event) => event.checkout_id,
            Event::CheckoutRetried(event) => event.checkout_id,
            Event::CheckoutStuck(event) => event.checkout_id,
            Event::CheckoutCompleted(event) => event.checkout_id,
            Event::CheckoutFailed(event) => event.checkout_id,
        }]
    }

    fn apply(_: &Uuid, row: Option<Checkout>, event: &Recorded<Event>) -> Option<Checkout> {
        let time = event.envelope.time;
        let version = event.envelope.sequence.unwrap_or_default().cast_signed();
        if let Event::CheckoutBegun(begun) = &event.event {
            return Some(Checkout {
                customer_id: begun.customer_id.clone(),
                state: State::Placing,
                order_id: begun.order_id,
                payment_id: begun.payment_id,
                total: None,
                code: None,
                reason: None,
                created_at: time,
                updated_at: time,
                version,
            });
        }
        let mut checkout = row?;
        checkout.updated_at = time;
        checkout.version = version;
        match &event.event {
            Event::CheckoutBegun(_) => {}
            Event::CheckoutOrdered(ordered) => {
                checkout.state = State::Paying;
                checkout.total = Some(ordered.total.clone());
            }
            Event::CheckoutPaid(_) => checkout.state = State::Confirming,
            Event::CheckoutAbandoned(event) => {
                checkout.troubled(State::Cancelling, event.cause, &event.reason);
            }
            Event::PaymentReleaseRequested(event) => {
                checkout.troubled(State::Releasing, event.cause, &event.reason);
            }
            Event::CheckoutRetried(event) => checkout.retried(event.step),
            Event::CheckoutStuck(event) => {
                checkout.state = State::Stuck;
                checkout.code = Some("checkout_stuck".to_owned());
                checkout.reason = Some(event.reason.clone());
            }
            Event::CheckoutCompleted(_) => {
                checkout.state = State::Completed;
                checkout.code = None;
                checkout.reason = None;
            }
            Event::CheckoutFailed(event) => {
                checkout.troubled(State::Failed, event.cause, &event.reason);
            }
        }
        Some(checkout)
    }
}

impl Checkout {
    fn troubled(&mut self, state: State, cause: Cause, reason: &str) {
        self.state = state;
        self.code = Some(code(cause).to_owned());
        self.reason = Some(reason.to_owned());
    }

    /// Sets the state of a retried step. A retry returns to the state of the step, except for an
    /// order that has been shipped: it is confirmed and not cancelled.
    fn retried(&mut self, step: Step) {
        if self.state == State::Cancelling && step == Step::ConfirmOrder {
            self.state = State::Confirming;
        }
    }
}

/// Returns the code, which is the same as in the operation's outcome.
fn code(cause: Cause) -> &'static str {
    match cause {
        Cause::Unknown => "checkout_failed",
        Cause::OrderRefused => "order_refused",
        Cause::OrderTimedOut => "order_timed_out",
        Cause::OrderCancelled => "order_cancelled",
        Cause::PaymentRefused => "payment_refused",
        Cause::PaymentDeclined => "payment_declined",
        Cause::PaymentTimedOut => "payment_timed_out",
        Cause::ConfirmationUnanswered => "confirmation_unanswered",
        Cause::CheckoutCancelled => "checkout_cancelled",
    }
}
