//! Checkouts: one by its id.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use factline_http::{Path, Problem, etag};
use factline_postgres::Snapshots;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::fresh::{database, snapshot};
use crate::money::Money;
use crate::parameters::{self, Parameters};
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || Router::new().route("/checkouts/{id}", get(one)),
    checkpoints: &[CHECKPOINTS],
};

const CHECKPOINTS: &str = "read.checkouts_checkpoint";
const SELECT: &str = "select checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, \
     reason, created_at, updated_at, version from read.checkouts ";

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

/// `GET /checkouts/{id}`
async fn one(
    State(snapshots): State<Snapshots>,
    Path(id): Path<String>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    parameters::none(parameters)?;
    let mut snapshot = snapshot(&snapshots, CHECKPOINTS, &request).await?;
    // To clients an id is opaque: one that cannot be a checkout's is one that no checkout has.
    let unknown = || Problem::not_found(format!("there is no checkout {id}"));
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let row = QueryBuilder::<Postgres>::new(SELECT)
        .push("where checkout_id = ")
        .push_bind(id)
        .build()
        .fetch_optional(&mut *snapshot)
        .await
        .map_err(database)?;
    let checkout = checkout(&row.ok_or_else(unknown)?).map_err(database)?;
    etag::json(&request, &checkout)
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
