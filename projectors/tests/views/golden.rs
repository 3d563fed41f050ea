//! The rows of all views after fixed histories, compared with the rows that the hand-written
//! statements of version 1 stored.

use std::collections::BTreeMap;

use factline::Recorded;
use factline_kafka::Registry;
use factline_postgres::{AdditiveSink, Sink, ViewSink};
use projectors::catalog::price_history::PriceHistory;
use projectors::catalog::products::Products;
use projectors::checkout::checkouts::Checkouts;
use projectors::ordering::customer_spending::CustomerSpending;
use projectors::ordering::orders::Orders;
use projectors::payment::payments::Payments;
use projectors::views::ALL;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::histories::HistoryEvent;
use crate::tables::{database, lives, migrate, records, servers, write};
use crate::{catalog, checkouts, payments};

/// Recorded rows by view: the first eight of each, in the order of their keys.
const ROWS: &str = include_str!("golden.json");

/// Returns the first rows of a table as JSON, in the order of their keys.
async fn first_rows(
    connection: &mut PgConnection,
    relation: &str,
    key: &str,
) -> Vec<Map<String, Value>> {
    let query = format!(
        "select to_jsonb(t)::text from {relation} t order by ({key}) collate \"C\" limit 8"
    );
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_all(connection)
        .await
        .unwrap();
    let rows = rows.iter().map(|row| serde_json::from_str(row).unwrap());
    rows.collect()
}

/// Checks that a view's table holds the recorded rows. A column that was not recorded is one that
/// PostgreSQL generates.
async fn holds<E: HistoryEvent, S: Sink>(
    name: &str,
    key: &str,
    sink: fn(Registry) -> S,
    history: &[Recorded<E>],
) {
    let pool = database().await;
    migrate(&pool).await;
    let registry = Registry::new(&servers().await.registry.url());
    let records = records(&registry, &format!("golden.{name}"), history).await;
    let view = ALL.iter().find(|view| view.name == name).unwrap();
    let mut connection = pool.acquire().await.unwrap();
    write(&mut connection, sink(registry), &records, 7).await;
    let mut found = first_rows(&mut connection, &view.view_name().relation(), key).await;
    let recorded: BTreeMap<String, Vec<Map<String, Value>>> = serde_json::from_str(ROWS).unwrap();
    for (found, recorded) in found.iter_mut().zip(&recorded[name]) {
        found.retain(|column, _| recorded.contains_key(column));
    }
    assert_eq!(found, recorded[name], "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_those_of_the_statements_by_hand() {
    holds(
        "orders",
        "order_id::text",
        ViewSink::<Orders>::new,
        &lives(),
    )
    .await;
    let purse = "customer_id || currency";
    holds(
        "customer-spending",
        purse,
        AdditiveSink::<CustomerSpending>::new,
        &lives(),
    )
    .await;
    let products = catalog::lives();
    holds(
        "products",
        "product_id::text",
        ViewSink::<Products>::new,
        &products,
    )
    .await;
    let price = "product_id || ' ' || version";
    holds(
        "price-history",
        price,
        ViewSink::<PriceHistory>::new,
        &products,
    )
    .await;
    holds(
        "checkouts",
        "checkout_id::text",
        ViewSink::<Checkouts>::new,
        &checkouts::lives(),
    )
    .await;
    holds(
        "payments",
        "payment_id::text",
        ViewSink::<Payments>::new,
        &payments::lives(),
    )
    .await;
}
