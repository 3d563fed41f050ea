//! Orders: one by its id, and lists by customer and state, newest first.

use chrono::{DateTime, NaiveDate, Utc};
use factline_postgres::Columns;
use factline_read::{Filter, Id, Resource, Rows, Sort, desc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;

const ROWS: Rows = Rows::of::<Order>("orders");
const SUMMARIES: Rows = Rows::of::<OrderSummary>("orders");

pub(crate) const RESOURCE: Resource = Resource::new("order")
    .items(&[ROWS.item("/orders/{id}", Id::uuid("order_id").of_aggregate())])
    .lists(&[SUMMARIES
        .list("/orders", &[NEWEST_FIRST])
        .filters(&[
            Filter::equal("customer", "customer_id"),
            Filter::one_of("state", "state", &STATES),
        ])
        .summary("Orders, newest first")]);

/// A customer has few orders in each state, so no index has both.
const NEWEST_FIRST: Sort = Sort::by(
    "-ordered_at",
    &[desc("ordered_at"), desc("order_id")],
    &["orders_by_time", "orders_by_customer", "orders_by_state"],
);

const STATES: [&str; 5] = ["placed", "confirmed", "shipped", "cancelled", "recorded"];

/// An order.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Order {
    order_id: Uuid,
    customer_id: String,
    state: String,
    #[column(json)]
    lines: Vec<Line>,
    units: i64,
    #[column(embed(amount = "total_amount", currency))]
    total: Money,
    /// The location of an order taken elsewhere in the other system.
    source: Option<String>,
    ordered_on: NaiveDate,
    /// Null for an order taken elsewhere.
    placed_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    cancel_reason: Option<String>,
    version: i64,
}

/// An order without its lines, which an order may have many of.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct OrderSummary {
    order_id: Uuid,
    customer_id: String,
    state: String,
    units: i64,
    #[column(embed(amount = "total_amount", currency))]
    total: Money,
    /// The location of an order taken elsewhere in the other system.
    source: Option<String>,
    ordered_on: NaiveDate,
    /// Null for an order taken elsewhere.
    placed_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    cancel_reason: Option<String>,
    version: i64,
    #[serde(skip)]
    ordered_at: DateTime<Utc>,
}

/// One line, as it was when the order was placed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Line {
    product_id: String,
    name: String,
    unit_price: Money,
    quantity: i64,
}
