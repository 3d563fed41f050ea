//! The refusals of a checkout.

/// A refusal. It does not repeat texts of the client, because outcomes are stored and shown.
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
    /// A payment time of zero or beyond the maximum.
    #[error("payment_seconds is {seconds}; it must be from 1 to {longest}")]
    PaymentSecondsOutOfRange {
        /// The requested time.
        seconds: i32,
        /// The maximum.
        longest: i32,
    },
    /// No checkout was begun with this id.
    #[error("there is no such checkout")]
    CheckoutNotFound,
    /// The id belongs to a checkout with other contents.
    #[error("there is another checkout with this id")]
    CheckoutExists,
    /// A cancel of a checkout that is paid or has ended, or that ends for another reason.
    #[error("the checkout is paid, or it ends for another reason")]
    TooLate,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::Blank { .. } => "blank",
            Self::Unprintable { .. } => "unprintable",
            Self::TooLong { .. } => "too_long",
            Self::PaymentSecondsOutOfRange { .. } => "payment_seconds_out_of_range",
            Self::CheckoutNotFound => "checkout_not_found",
            Self::CheckoutExists => "checkout_exists",
            Self::TooLate => "too_late",
        }
    }
}
