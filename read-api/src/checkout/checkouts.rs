//! Checkouts: one by its id.

use axum::Router;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::get_one::Single;
use crate::money::Money;
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || Router::new().route("/checkouts/{id}", ONE.route()),
    checkpoints: &[ONE.checkpoints],
};

const ONE: &Single<Checkout> = &Single {
    what: "checkout",
    checkpoints: "read.checkouts_checkpoint",
    select: "select checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, \
             created_at, updated_at, version from read.checkouts ",
    row: checkout,
};

/// A checkout as clients see it.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the answer's fields"
)]
struct Checkout {
    checkout_id: Uuid,
    customer_id: String,
    state: String,
    order_id: Uuid,
    payment_id: Uuid,
    /// Null until the order is placed.
    total: Option<Money>,
    code: Option<String>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

fn checkout(row: &PgRow) -> Result<Checkout, sqlx::Error> {
    let amount: Option<i64> = row.try_get(5)?;
    let currency: Option<String> = row.try_get(6)?;
    Ok(Checkout {
        checkout_id: row.try_get(0)?,
        customer_id: row.try_get(1)?,
        state: row.try_get(2)?,
        order_id: row.try_get(3)?,
        payment_id: row.try_get(4)?,
        total: amount.zip(currency).map(|(amount, currency)| Money {
            amount: amount.into(),
            currency,
        }),
        code: row.try_get(7)?,
        reason: row.try_get(8)?,
        created_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
        version: row.try_get(11)?,
    })
}
