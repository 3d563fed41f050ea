//! Money in responses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in the minor units of its currency. It is wider than the amount of one order, because
/// it may be a sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Minor units.
    pub amount: i128,
    /// ISO 4217 code.
    pub currency: String,
}
