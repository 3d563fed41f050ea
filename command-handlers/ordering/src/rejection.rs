//! Why ordering refuses.

/// A refusal. `field` is a path into the command, such as `lines/0/quantity`; texts that a client chose are not
/// repeated, since outcomes are kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An order of nothing.
    #[error("an order needs at least one line")]
    NoLines,
    /// A text that has to say something.
    #[error("{field} is blank")]
    Blank {
        /// Where.
        field: String,
    },
    /// A text with characters that nobody can see.
    #[error("{field} contains control characters")]
    Unprintable {
        /// Where.
        field: String,
    },
    /// A text beyond what anybody would read.
    #[error("{field} is longer than {longest} characters")]
    TooLong {
        /// Where.
        field: String,
        /// The most that is taken.
        longest: usize,
    },
    /// Less than one piece.
    #[error("{field} is {quantity}; it must be at least 1")]
    QuantityTooSmall {
        /// Where.
        field: String,
        /// What was asked for.
        quantity: i32,
    },
    /// A price or total below zero.
    #[error("{field} is {amount}; it must not be negative")]
    NegativeAmount {
        /// Where.
        field: String,
        /// Minor units.
        amount: i64,
    },
    /// A currency that cannot be one.
    #[error("{field} is not three capital letters")]
    InvalidCurrency {
        /// Where.
        field: String,
    },
    /// Prices that cannot be added up.
    #[error("all lines of an order must be in one currency")]
    MixedCurrencies,
    /// A sum beyond what can be counted.
    #[error("the order's total is too large")]
    TotalTooLarge,
    /// Nothing was placed or recorded under this id.
    #[error("there is no such order")]
    OrderNotFound,
    /// The id is taken by an order with other contents.
    #[error("there is another order with this id")]
    OrderExists,
    /// It is paid: too late to call it off.
    #[error("the order has been confirmed")]
    OrderConfirmed,
    /// Too late to call it off.
    #[error("the order has been shipped")]
    OrderShipped,
    /// It was called off, for good.
    #[error("the order has been cancelled")]
    OrderCancelled,
    /// It was delivered before this system knew it.
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
