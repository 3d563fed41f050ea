//! Why payment refuses.

/// A refusal. `field` is a path into the command, such as `amount/currency`; texts that somebody else chose are not
/// repeated, since outcomes are kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A text that has to say something.
    #[error("{field} is blank")]
    Blank {
        /// Where.
        field: &'static str,
    },
    /// A text with characters that nobody can see.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Where.
        field: &'static str,
    },
    /// A text beyond what anybody would read.
    #[error("{field} is longer than {longest} characters")]
    TooLong {
        /// Where.
        field: &'static str,
        /// The most that is taken.
        longest: usize,
    },
    /// Money below zero.
    #[error("amount/amount is {amount}; it must not be negative")]
    NegativeAmount {
        /// Minor units.
        amount: i64,
    },
    /// A currency that cannot be one.
    #[error("amount/currency is not three capital letters")]
    InvalidCurrency,
    /// Nobody has asked for this payment.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The id is taken by a payment with other contents.
    #[error("there is another payment with this id")]
    PaymentExists,
    /// The money was taken already.
    #[error("the payment has been captured")]
    PaymentCaptured,
    /// It was called off, for good.
    #[error("the payment has been voided")]
    PaymentVoided,
    /// The provider has never told of this charge.
    #[error("the payment has no charge with this provider_reference")]
    ChargeNotFound,
    /// The money is wanted, and nobody has asked for it to be given back.
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
            Self::RefundNotRequested => "refund_not_requested",
        }
    }
}
