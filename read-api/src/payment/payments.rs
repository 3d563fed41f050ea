//! Payments: one by its id.

use chrono::{DateTime, Utc};
use factline_postgres::Columns;
use factline_read::{Id, Resource, Rows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;

const ROWS: Rows = Rows::of::<Payment>("payments");

pub(crate) const RESOURCE: Resource = Resource::new("payment")
    .items(&[ROWS.item("/payments/{id}", Id::uuid("payment_id").of_aggregate())]);

/// A payment.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Payment {
    payment_id: Uuid,
    reference: String,
    state: String,
    /// Null, like the method, if the payment was voided before it was requested.
    #[column(embed(amount, currency))]
    amount: Option<Money>,
    method: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    #[column(json)]
    charges: Vec<Charge>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// Money that the provider took, and its state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Charge {
    provider_reference: String,
    amount: Money,
    state: String,
    /// Code of the reason why it is not refunded.
    code: Option<String>,
    reason: Option<String>,
}
