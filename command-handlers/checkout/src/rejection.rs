//! Why a checkout refuses.

/// A refusal. Texts that a client chose are not repeated, since outcomes are kept and shown.
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
    /// No time, or more than anybody waits.
    #[error("payment_seconds is {seconds}; it must be from 1 to {longest}")]
    PaymentSecondsOutOfRange {
        /// What was asked for.
        seconds: i32,
        /// The most that is taken.
        longest: i32,
    },
    /// Nothing was begun under this id.
    #[error("there is no such checkout")]
    CheckoutNotFound,
    /// The id is taken by a checkout with other contents.
    #[error("there is another checkout with this id")]
    CheckoutExists,
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
        }
    }
}
