//! The view `payments`: the current state of every payment, read by id, with all charges that the
//! provider has reported.

use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, TextEnum, View};
use payment_schemas::Money;
use payment_schemas::payment::{self, Event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct Payments;

/// One payment.
#[derive(Debug, Clone, Default, PartialEq, Columns)]
pub struct Payment {
    /// The reference of the sender that requested the payment, which names the purpose.
    pub reference: String,
    /// Its state. Its charges show money that is not kept.
    pub state: State,
    /// The requested amount; none if the payment was voided before it was requested.
    #[column(embed(amount, currency))]
    pub amount: Option<Money>,
    /// The payment method; none if the payment was voided before it was requested.
    pub method: Option<String>,
    /// The provider's code of the reason why it was declined.
    pub code: Option<String>,
    /// The reason why it was voided.
    pub reason: Option<String>,
    /// The charges, in the order in which the provider reported them.
    #[column(json)]
    pub charges: Vec<Charge>,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last event.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// Money that the provider took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// The provider's reference of the charge.
    pub provider_reference: String,
    /// The amount.
    pub amount: Money,
    /// The state of the money.
    pub state: Whereabouts,
    /// The provider's code of the reason why it does not refund the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Explanation of the code for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The state of a charge's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Received and kept.
    Kept,
    /// Received; a refund is requested from the provider.
    Refunding,
    /// Received; the provider refused the refund, so the money is owed.
    RefundRefused,
    /// Refunded.
    Refunded,
}

/// A payment's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, TextEnum)]
pub enum State {
    /// The payment was requested from the provider.
    #[default]
    Requested,
    /// The money is received.
    Captured,
    /// The provider declined the payment.
    Declined,
    /// Voided.
    Voided,
}

impl View for Payments {
    const NAME: &'static str = "payments";
    const VERSION: i32 = 2;
    const KEY: &'static str = "payment_id";
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/payment/payments/migrations");
}

impl Projection for Payments {
    type Source = payment::Type;
    type Key = Uuid;
    type Row = Payment;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        vec![match &event.event {
            Event::PaymentRequested(event) => event.payment_id,
            Event::PaymentCaptured(event) => event.payment_id,
            Event::PaymentDeclined(event) => event.payment_id,
            Event::PaymentVoided(event) => event.payment_id,
            Event::PaymentRefundRequested(event) => event.payment_id,
            Event::PaymentRefunded(event) => event.payment_id,
            Event::PaymentRefundRefused(event) => event.payment_id,
        }]
    }

    fn apply(_: &Uuid, row: Option<Payment>, event: &Recorded<Event>) -> Option<Payment> {
        let time = event.envelope.time;
        let mut payment = match (row, &event.event) {
            (Some(payment), _) => payment,
            (None, Event::PaymentRequested(event)) => new(&event.reference, time),
            // A payment may be voided before it is requested.
            (None, Event::PaymentVoided(event)) => new(&event.reference, time),
            (None, _) => return None,
        };
        payment.updated_at = time;
        payment.version = event.envelope.sequence.unwrap_or_default().cast_signed();
        match &event.event {
            Event::PaymentRequested(event) => {
                payment.amount = Some(event.amount.clone());
                payment.method = Some(event.method.clone());
            }
            Event::PaymentCaptured(event) => {
                let state = if event.kept {
                    payment.state = State::Captured;
                    Whereabouts::Kept
                } else {
                    Whereabouts::Refunding
                };
                payment.charges.push(Charge {
                    provider_reference: event.provider_reference.clone(),
                    amount: event.amount.clone(),
                    state,
                    code: None,
                    reason: None,
                });
            }
            Event::PaymentDeclined(event) => {
                payment.state = State::Declined;
                payment.code = Some(event.code.clone());
            }
            Event::PaymentVoided(event) => payment.void(&event.reason),
            Event::PaymentRefundRequested(event) => {
                let charge = payment.charge(&event.provider_reference);
                let before = charge
                    .map(|charge| std::mem::replace(&mut charge.state, Whereabouts::Refunding));
                // A payment whose kept money is refunded is voided. A charge that was never kept
                // does not change the payment's state.
                if before == Some(Whereabouts::Kept) {
                    payment.void(&event.reason);
                }
            }
            Event::PaymentRefunded(event) => {
                if let Some(charge) = payment.charge(&event.provider_reference) {
                    charge.state = Whereabouts::Refunded;
                    charge.code = None;
                    charge.reason = None;
                }
            }
            Event::PaymentRefundRefused(event) => {
                if let Some(charge) = payment.charge(&event.provider_reference) {
                    charge.state = Whereabouts::RefundRefused;
                    charge.code = Some(event.code.clone());
                    charge.reason = Some(event.reason.clone());
                }
            }
        }
        Some(payment)
    }
}

fn new(reference: &str, created_at: DateTime<Utc>) -> Payment {
    Payment {
        reference: reference.to_owned(),
        created_at,
        ..Payment::default()
    }
}

impl Payment {
    fn void(&mut self, reason: &str) {
        self.state = State::Voided;
        self.reason = Some(reason.to_owned());
    }

    fn charge(&mut self, provider_reference: &str) -> Option<&mut Charge> {
        let mut charges = self.charges.iter_mut();
        charges.find(|charge| charge.provider_reference == provider_reference)
    }
}
