//! Which event of a payment asks the provider for what, and what the store is told if that is refused. Pure.

use payment_schemas::payment::Event;
use payment_schemas::{Money, PaymentRefundRequested, PaymentRequested};
use serde::Serialize;
use serde_json::{Value, json};

use crate::provider::Refused;

/// Something to ask the provider for, as it wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Take money.
    Charge {
        /// The payment.
        payment_id: String,
        /// How much.
        amount: Money,
        /// What is charged.
        method: String,
    },
    /// Give money back.
    Refund {
        /// The payment.
        payment_id: String,
        /// The provider's name for the charge.
        charge: String,
        /// How much.
        amount: Money,
    },
}

impl Request {
    /// What an event asks for; most ask for nothing.
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
            // The provider cannot be told to forget a charge: should it take the money, a refund is asked for.
            Event::PaymentVoided(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentDeclined(_)
            | Event::PaymentRefunded(_)
            | Event::PaymentRefundRefused(_) => None,
        }
    }

    /// Whose it is.
    pub fn payment_id(&self) -> &str {
        match self {
            Self::Charge { payment_id, .. } | Self::Refund { payment_id, .. } => payment_id,
        }
    }

    /// What the store is told when the provider refuses it: where, and in which words.
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

    /// Where the provider takes it.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Charge { .. } => "payments",
            Self::Refund { .. } => "refunds",
        }
    }
}
