//! Checkouts: one by its id.

use chrono::{DateTime, Utc};
use factline_postgres::Columns;
use factline_read::{Id, Resource, Rows};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;

const ROWS: Rows = Rows::of::<Checkout>("checkouts");

pub(crate) const RESOURCE: Resource = Resource::new("checkout")
    .items(&[ROWS.item("/checkouts/{id}", Id::uuid("checkout_id").of_aggregate())]);

/// A checkout.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Checkout {
    checkout_id: Uuid,
    customer_id: String,
    state: String,
    order_id: Uuid,
    payment_id: Uuid,
    /// Null until the order is placed.
    #[column(embed(amount = "total_amount", currency))]
    total: Option<Money>,
    /// Code of the reason why it failed.
    code: Option<String>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}
