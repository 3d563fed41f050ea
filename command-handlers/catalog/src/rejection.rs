//! The refusals of the catalogue.

use crate::validation::LONGEST;

/// A refusal. It does not repeat texts of the client, because outcomes are stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A required text is blank.
    #[error("{field} is blank")]
    Blank {
        /// Field of the command.
        field: &'static str,
    },
    /// A text has characters that cannot be printed.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Field of the command.
        field: &'static str,
    },
    /// A text exceeds the maximum length.
    #[error("{field} is longer than {LONGEST} characters")]
    TooLong {
        /// Field of the command.
        field: &'static str,
    },
    /// A price below zero.
    #[error("{field}/amount is {amount}; it must not be negative")]
    NegativeAmount {
        /// Field of the command.
        field: &'static str,
        /// Minor units.
        amount: i64,
    },
    /// A malformed currency.
    #[error("{field}/currency is not three capital letters")]
    InvalidCurrency {
        /// Field of the command.
        field: &'static str,
    },
    /// No product was created with this id.
    #[error("there is no such product")]
    ProductNotFound,
    /// The id belongs to a product with other contents.
    #[error("there is another product with this id")]
    ProductExists,
    /// The product was removed from the catalogue, permanently.
    #[error("the product has been discontinued")]
    ProductDiscontinued,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::Blank { .. } => "blank",
            Self::Unprintable { .. } => "unprintable",
            Self::TooLong { .. } => "too_long",
            Self::NegativeAmount { .. } => "negative_amount",
            Self::InvalidCurrency { .. } => "invalid_currency",
            Self::ProductNotFound => "product_not_found",
            Self::ProductExists => "product_exists",
            Self::ProductDiscontinued => "product_discontinued",
        }
    }
}
