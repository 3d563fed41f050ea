//! Money and other wide numbers in responses.

use serde::{Deserialize, Serialize};

/// An amount in the minor units of its currency. It is wider than the amount of one order, because
/// it may be a sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: i128,
    /// ISO 4217 code.
    pub currency: String,
}

/// Parses a whole `numeric` from text.
pub(crate) fn whole(text: &str) -> Result<i128, sqlx::Error> {
    text.parse()
        .map_err(|error: std::num::ParseIntError| sqlx::Error::Decode(error.into()))
}
