//! Orders: one by its id, and lists by customer and state, newest first.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, NaiveDate, Utc};
use factline_http::{Problem, etag, page};
use factline_postgres::ConsistentReads;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::get_one::Single;
use crate::listing;
use crate::money::Money;
use crate::parameters::{LIMIT, MOST, Parameters};
use crate::read_your_writes::snapshot;
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || {
        Router::new()
            .route("/orders", get(list))
            .route("/orders/{id}", ONE.route())
    },
    checkpoints: &[ONE.checkpoints],
};

const STATES: [&str; 5] = ["placed", "confirmed", "shipped", "cancelled", "recorded"];
const ONE: &Single<Order> = &Single {
    what: "order",
    checkpoints: "read.orders_checkpoint",
    select: "select order_id, customer_id, state, lines::text, units, total_amount, currency, source, ordered_on, \
             placed_at, updated_at, cancel_reason, version, ordered_at from read.orders ",
    row: order,
};

/// An order as clients see it.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the answer's fields"
)]
struct Order {
    order_id: Uuid,
    customer_id: String,
    state: String,
    lines: Vec<Line>,
    units: i64,
    total: Money,
    source: Option<String>,
    ordered_on: NaiveDate,
    placed_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    cancel_reason: Option<String>,
    version: i64,
    #[serde(skip)]
    ordered_at: DateTime<Utc>,
}

/// One line, as it was when the order was placed.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    product_id: String,
    name: String,
    unit_price: Money,
    quantity: i64,
}

/// `GET /orders?customer=&state=&limit=&after=`
async fn list(
    State(snapshots): State<ConsistentReads>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let [customer, state, limit, after] =
        parameters.read(["customer", "state", "limit", "after"])?;
    if state
        .as_deref()
        .is_some_and(|state| !STATES.contains(&state))
    {
        let detail = format!("must be one of {}", STATES.join(", "));
        return Err(Problem::invalid_request().parameter("state", detail));
    }
    let limit = page::limit(limit.as_deref(), LIMIT, MOST)?;
    let after: Option<(DateTime<Utc>, Uuid)> = page::after(after.as_deref())?;
    // The conditions are written out for each combination, so that each gets a plan with its own
    // index.
    let mut query = QueryBuilder::<Postgres>::new(ONE.select);
    query.push("where true");
    if let Some(customer) = customer {
        query.push(" and customer_id = ").push_bind(customer);
    }
    if let Some(state) = state {
        query.push(" and state = ").push_bind(state);
    }
    if let Some((ordered_at, id)) = after {
        query
            .push(" and (ordered_at, order_id) < (")
            .push_bind(ordered_at);
        query.push(", ").push_bind(id).push(")");
    }
    query.push(" order by ordered_at desc, order_id desc");
    let mut snapshot = snapshot(&snapshots, ONE.checkpoints, &request).await?;
    let page = listing::page(&mut snapshot, &mut query, limit, ONE.row, |order| {
        (order.ordered_at, order.order_id)
    })
    .await?;
    etag::json(&request, &page)
}

fn order(row: &PgRow) -> Result<Order, sqlx::Error> {
    let lines = serde_json::from_str(row.try_get(3)?);
    Ok(Order {
        order_id: row.try_get(0)?,
        customer_id: row.try_get(1)?,
        state: row.try_get(2)?,
        lines: lines.map_err(|error| sqlx::Error::Decode(error.into()))?,
        units: row.try_get(4)?,
        total: Money {
            amount: row.try_get::<i64, _>(5)?.into(),
            currency: row.try_get(6)?,
        },
        source: row.try_get(7)?,
        ordered_on: row.try_get(8)?,
        placed_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
        cancel_reason: row.try_get(11)?,
        version: row.try_get(12)?,
        ordered_at: row.try_get(13)?,
    })
}
