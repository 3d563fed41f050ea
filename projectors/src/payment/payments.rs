//! The view `payments`: every payment as it stands now, by id, with all charges that the provider has told of.

mod table;

use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use payment_schemas::payment::Event;
use payment_schemas::{Money, PAYMENT};
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/payment/payments/migrations");

/// Where its events come from, and what makes its tables.
pub const VIEW: Entry = Entry::of::<Payments>(&PAYMENT, "payments_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct Payments;

/// One payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// What is paid for, in the words of whoever asked.
    pub reference: String,
    /// Where it stands. Money that is not kept is told of by its charges.
    pub state: State,
    /// What was asked for; none if it was called off before.
    pub amount: Option<Money>,
    /// What is charged; none if it was called off before.
    pub method: Option<String>,
    /// Why it was declined: the provider's code.
    pub code: Option<String>,
    /// Why it was called off.
    pub reason: Option<String>,
    /// What the provider took, in the order in which it was told.
    pub charges: Vec<Charge>,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// Money that the provider took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// The provider's name for it.
    pub provider_reference: String,
    /// How much.
    pub amount: Money,
    /// Where the money is.
    pub state: Whereabouts,
    /// Why the provider does not give it back: its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a charge's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Here, and wanted.
    Kept,
    /// Here; the provider is asked to give it back.
    Refunding,
    /// Here; the provider will not give it back, so it is owed.
    RefundRefused,
    /// Given back.
    Refunded,
}

/// A payment's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The provider is asked.
    Requested,
    /// The money is there.
    Captured,
    /// The provider takes no money.
    Declined,
    /// Called off.
    Voided,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Requested,
        Self::Captured,
        Self::Declined,
        Self::Voided,
    ];

    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Voided => "voided",
        }
    }
}

impl Projection for Payments {
    type Event = Event;
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
            // It may be called off before it is asked for.
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
                // A payment whose money goes back is called off; what was never kept says nothing of it.
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

fn new(reference: &str, time: DateTime<Utc>) -> Payment {
    Payment {
        reference: reference.to_owned(),
        state: State::Requested,
        amount: None,
        method: None,
        code: None,
        reason: None,
        charges: Vec::new(),
        created_at: time,
        updated_at: time,
        version: 0,
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
