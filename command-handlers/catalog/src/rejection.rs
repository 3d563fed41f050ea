//! Why the catalogue refuses.

use crate::validation::LONGEST;

/// A refusal. Texts that a client chose are not repeated, since outcomes are kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A text that has to say something.
    #[error("{field} is blank")]
    Blank {
        /// Field of the command.
        field: &'static str,
    },
    /// A text that no page and no label can show.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Field of the command.
        field: &'static str,
    },
    /// A text beyond what is listed.
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
    /// A currency that cannot be one.
    #[error("{field}/currency is not three capital letters")]
    InvalidCurrency {
        /// Field of the command.
        field: &'static str,
    },
    /// Nothing was created under this id.
    #[error("there is no such product")]
    ProductNotFound,
    /// The id is taken by a product that was created otherwise.
    #[error("there is another product with this id")]
    ProductExists,
    /// It was taken out of the catalogue, for good.
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
