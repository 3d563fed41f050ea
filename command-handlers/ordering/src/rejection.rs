//! The refusals of ordering.

/// A refusal. `field` is a path into the command, such as `lines/0/quantity`. It does not repeat
/// texts of the client, because outcomes are stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An order without lines.
    #[error("an order needs at least one line")]
    NoLines,
    /// A required text is blank.
    #[error("{field} is blank")]
    Blank {
        /// Path of the field.
        field: String,
    },
    /// A text with unprintable characters.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Path of the field.
        field: String,
    },
    /// A text beyond the maximum length.
    #[error("{field} is longer than {longest} characters")]
    TooLong {
        /// Path of the field.
        field: String,
        /// The maximum.
        longest: usize,
    },
    /// A date with a year that does not have four digits.
    #[error("{field} is not a date from 0000-01-01 to 9999-12-31")]
    DateOutOfRange {
        /// Path of the field.
        field: String,
    },
    /// A quantity below 1.
    #[error("{field} is {quantity}; it must be at least 1")]
    QuantityTooSmall {
        /// Path of the field.
        field: String,
        /// The requested quantity.
        quantity: i32,
    },
    /// A price or total below zero.
    #[error("{field} is {amount}; it must not be negative")]
    NegativeAmount {
        /// Path of the field.
        field: String,
        /// Minor units.
        amount: i64,
    },
    /// A malformed currency.
    #[error("{field} is not three capital letters")]
    InvalidCurrency {
        /// Path of the field.
        field: String,
    },
    /// Prices in several currencies, which cannot be added up.
    #[error("all lines of an order must be in one currency")]
    MixedCurrencies,
    /// A sum out of range.
    #[error("the order's total is too large")]
    TotalTooLarge,
    /// No order was placed or recorded with this id.
    #[error("there is no such order")]
    OrderNotFound,
    /// The id belongs to an order with other contents.
    #[error("there is another order with this id")]
    OrderExists,
    /// The order is paid, so it can no longer be cancelled.
    #[error("the order has been confirmed")]
    OrderConfirmed,
    /// The order is shipped, so it can no longer be cancelled.
    #[error("the order has been shipped")]
    OrderShipped,
    /// The order was cancelled, permanently.
    #[error("the order has been cancelled")]
    OrderCancelled,
    /// The order was delivered before this system recorded it.
    #[error("the order was recorded as completed in another system")]
    OrderRecorded,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NoLines => "no_lines",
            Self::Blank { .. } => "blank",
            Self::Unprintable { .. } => "unprintable",
            Self::TooLong { .. } => "too_long",
            Self::DateOutOfRange { .. } => "date_out_of_range",
            Self::QuantityTooSmall { .. } => "quantity_too_small",
            Self::NegativeAmount { .. } => "negative_amount",
            Self::InvalidCurrency { .. } => "invalid_currency",
            Self::MixedCurrencies => "mixed_currencies",
            Self::TotalTooLarge => "total_too_large",
            Self::OrderNotFound => "order_not_found",
            Self::OrderExists => "order_exists",
            Self::OrderConfirmed => "order_confirmed",
            Self::OrderShipped => "order_shipped",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderRecorded => "order_recorded",
        }
    }
}
