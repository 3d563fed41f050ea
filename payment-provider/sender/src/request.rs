//! The mapping from a payment's events to requests to the provider, and from refusals to commands
//! to the store. Pure.

use payment_schemas::payment::Event;
use payment_schemas::{Money, PaymentRefundRequested, PaymentRequested};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A permanent refusal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("the provider refuses the request: {code}: {detail}")]
pub struct Refused {
    /// A stable code.
    pub code: String,
    /// Human-readable form of the code.
    #[serde(default)]
    pub detail: String,
}

/// A request to the provider, in its JSON form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Charges money.
    Charge {
        /// The payment.
        payment_id: String,
        /// The amount.
        amount: Money,
        /// The payment method.
        method: String,
    },
    /// Refunds money.
    Refund {
        /// The payment.
        payment_id: String,
        /// The provider's name for the charge.
        charge: String,
        /// The amount.
        amount: Money,
    },
}

impl Request {
    /// Returns the request of an event; most events have none.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::PaymentRequested(PaymentRequested {
                payment_id,
                amount,
                method,
                ..
            }) => Some(Self::Charge {
                payment_id: payment_id.to_string(),
                amount: amount.clone(),
                method: method.clone(),
            }),
            Event::PaymentRefundRequested(PaymentRefundRequested {
                payment_id,
                provider_reference,
                amount,
                ..
            }) => Some(Self::Refund {
                payment_id: payment_id.to_string(),
                charge: provider_reference.clone(),
                amount: amount.clone(),
            }),
            // The provider has no way to cancel a charge. If it takes the money later, a refund is
            // requested.
            Event::PaymentVoided(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentDeclined(_)
            | Event::PaymentRefunded(_)
            | Event::PaymentRefundRefused(_) => None,
        }
    }

    /// Returns the payment's id.
    pub fn payment_id(&self) -> &str {
        match self {
            Self::Charge { payment_id, .. } | Self::Refund { payment_id, .. } => payment_id,
        }
    }

    /// Returns the path and body of the command to the store about a refused request.
    pub fn refused(&self, refused: &Refused) -> (String, Value) {
        match self {
            Self::Charge { payment_id, .. } => (
                format!("/payments/{payment_id}/declined"),
                json!({"code": refused.code}),
            ),
            Self::Refund {
                payment_id, charge, ..
            } => (
                format!("/payments/{payment_id}/refund-refused"),
                json!({"provider_reference": charge, "code": refused.code, "reason": refused.detail}),
            ),
        }
    }

    /// Returns the provider's path for this request.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Charge { .. } => "payments",
            Self::Refund { .. } => "refunds",
        }
    }
}
