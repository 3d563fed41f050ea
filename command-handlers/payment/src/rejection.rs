//! The refusals of payment.

use crate::payment::MAX_CHARGES;

/// A refusal. `field` is a path into the command, such as `amount/currency`. It does not repeat
/// texts of other systems, because outcomes are stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A required text is blank.
    #[error("{field} is blank")]
    Blank {
        /// Path of the field.
        field: &'static str,
    },
    /// A text with unprintable characters.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Path of the field.
        field: &'static str,
    },
    /// A text beyond the maximum length.
    #[error("{field} is longer than {longest} characters")]
    TooLong {
        /// Path of the field.
        field: &'static str,
        /// The maximum.
        longest: usize,
    },
    /// Money below zero.
    #[error("amount/amount is {amount}; it must not be negative")]
    NegativeAmount {
        /// Minor units.
        amount: i64,
    },
    /// A malformed currency.
    #[error("amount/currency is not three capital letters")]
    InvalidCurrency,
    /// No payment was requested with this id.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The id belongs to a payment with other contents.
    #[error("there is another payment with this id")]
    PaymentExists,
    /// The payment is already captured.
    #[error("the payment has been captured")]
    PaymentCaptured,
    /// The payment was voided, permanently.
    #[error("the payment has been voided")]
    PaymentVoided,
    /// The provider has never reported this charge.
    #[error("the payment has no charge with this provider_reference")]
    ChargeNotFound,
    /// The payment has more charges than any that is in order: the provider is defective.
    #[error("the payment has {MAX_CHARGES} charges that are to be refunded: ask the provider")]
    TooManyCharges,
    /// The charge is kept, and no refund of it was requested.
    #[error("no refund of this charge was requested")]
    RefundNotRequested,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::Blank { .. } => "blank",
            Self::Unprintable { .. } => "unprintable",
            Self::TooLong { .. } => "too_long",
            Self::NegativeAmount { .. } => "negative_amount",
            Self::InvalidCurrency => "invalid_currency",
            Self::PaymentNotFound => "payment_not_found",
            Self::PaymentExists => "payment_exists",
            Self::PaymentCaptured => "payment_captured",
            Self::PaymentVoided => "payment_voided",
            Self::ChargeNotFound => "charge_not_found",
            Self::TooManyCharges => "too_many_charges",
            Self::RefundNotRequested => "refund_not_requested",
        }
    }
}
