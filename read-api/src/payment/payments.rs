//! Payments: one by its id.

use axum::Router;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::get_one::Single;
use crate::money::Money;
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || Router::new().route("/payments/{id}", ONE.route()),
    checkpoints: &[ONE.checkpoints],
};

const ONE: &Single<Payment> = &Single {
    what: "payment",
    checkpoints: "read.payments_checkpoint",
    select: "select payment_id, reference, state, amount, currency, method, code, reason, charges::text, created_at, \
             updated_at, version from read.payments ",
    row: payment,
};

/// A payment as clients see it.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the answer's fields"
)]
struct Payment {
    payment_id: Uuid,
    reference: String,
    state: String,
    /// Null, like the method, if the payment was voided before it was requested.
    amount: Option<Money>,
    method: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    charges: Vec<Charge>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// Money that the provider took, and its state.
#[derive(Debug, Serialize, Deserialize)]
struct Charge {
    provider_reference: String,
    amount: Money,
    state: String,
    /// Code of the reason why it is not refunded.
    code: Option<String>,
    reason: Option<String>,
}

fn payment(row: &PgRow) -> Result<Payment, sqlx::Error> {
    let amount: Option<i64> = row.try_get(3)?;
    let currency: Option<String> = row.try_get(4)?;
    let charges = serde_json::from_str(row.try_get(8)?);
    Ok(Payment {
        payment_id: row.try_get(0)?,
        reference: row.try_get(1)?,
        state: row.try_get(2)?,
        amount: amount.zip(currency).map(|(amount, currency)| Money {
            amount: amount.into(),
            currency,
        }),
        method: row.try_get(5)?,
        code: row.try_get(6)?,
        reason: row.try_get(7)?,
        charges: charges.map_err(|error| sqlx::Error::Decode(error.into()))?,
        created_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
        version: row.try_get(11)?,
    })
}
