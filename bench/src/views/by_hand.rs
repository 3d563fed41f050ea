//! The statements of the view `orders`, by hand, with columns by number.

use chrono::{DateTime, NaiveDate, Utc};
use factline_postgres::{RowId, TextEnum as _};
use ordering_schemas::Money;
use projectors::ordering::orders::{Order, State};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

/// Loads rows.
pub(super) async fn load(
    connection: &mut PgConnection,
    ids: &[RowId<Uuid>],
) -> Result<Vec<(RowId<Uuid>, Order)>, sqlx::Error> {
    // The query returns the partition that it was given, because all events of an order are in
    // one partition.
    let rows = sqlx::query(
        "select wanted.source_partition, order_id, customer_id, state, lines::text, units, total_amount, currency, \
                source, ordered_on, ordered_at, updated_at, cancel_reason, version \
         from unnest($1::uuid[], $2::integer[]) as wanted (id, source_partition) \
         join orders_v2.orders on order_id = wanted.id",
    )
    .bind(keys(ids))
    .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter().map(order).collect()
}

/// Inserts or overwrites rows.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    rows: &[(RowId<Uuid>, Order)],
) -> Result<(), sqlx::Error> {
    let lines: Result<Vec<String>, _> = rows
        .iter()
        .map(|(_, order)| serde_json::to_string(&order.lines))
        .collect();
    let lines = lines.map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "insert into orders_v2.orders as known \
             (order_id, customer_id, state, lines, units, total_amount, currency, source, ordered_on, ordered_at, \
              updated_at, cancel_reason, version) \
         select order_id, customer_id, state, lines::jsonb, units, total_amount, currency, source, ordered_on, \
                ordered_at, updated_at, cancel_reason, version \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], \
                     $8::text[], $9::date[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[]) \
             as made (order_id, customer_id, state, lines, units, total_amount, currency, source, ordered_on, \
                      ordered_at, updated_at, cancel_reason, version) \
         on conflict (order_id) do update set \
             customer_id = excluded.customer_id, state = excluded.state, lines = excluded.lines, \
             units = excluded.units, total_amount = excluded.total_amount, currency = excluded.currency, \
             source = excluded.source, ordered_on = excluded.ordered_on, ordered_at = excluded.ordered_at, \
             updated_at = excluded.updated_at, cancel_reason = excluded.cancel_reason, version = excluded.version",
    )
    .bind(column(rows, |id, _| id.key))
    .bind(column(rows, |_, order| order.customer_id.as_str()))
    .bind(column(rows, |_, order| order.state.as_str()))
    .bind(lines)
    .bind(column(rows, |_, order| order.units))
    .bind(column(rows, |_, order| order.total.amount))
    .bind(column(rows, |_, order| order.total.currency.as_str()))
    .bind(column(rows, |_, order| order.source.as_deref()))
    .bind(column(rows, |_, order| order.ordered_on))
    .bind(column(rows, |_, order| order.ordered_at))
    .bind(column(rows, |_, order| order.updated_at))
    .bind(column(rows, |_, order| order.cancel_reason.as_deref()))
    .bind(column(rows, |_, order| order.version))
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the keys of rows.
fn keys(ids: &[RowId<Uuid>]) -> Vec<Uuid> {
    ids.iter().map(|id| id.key).collect()
}

/// Returns one column of all rows.
fn column<'a, T>(
    rows: &'a [(RowId<Uuid>, Order)],
    of: impl Fn(&'a RowId<Uuid>, &'a Order) -> T,
) -> Vec<T> {
    rows.iter().map(|(id, row)| of(id, row)).collect()
}

fn order(row: &PgRow) -> Result<(RowId<Uuid>, Order), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let lines: &str = row.try_get(4)?;
    let order = Order {
        customer_id: row.try_get(2)?,
        state: State::from_text(row.try_get(3)?)
            .ok_or_else(|| undecodable("unknown state".into()))?,
        lines: serde_json::from_str(lines).map_err(|error| undecodable(error.into()))?,
        units: row.try_get(5)?,
        total: Money {
            amount: row.try_get(6)?,
            currency: row.try_get(7)?,
        },
        source: row.try_get(8)?,
        ordered_on: row.try_get::<NaiveDate, _>(9)?,
        ordered_at: row.try_get::<DateTime<Utc>, _>(10)?,
        updated_at: row.try_get::<DateTime<Utc>, _>(11)?,
        cancel_reason: row.try_get(12)?,
        version: row.try_get(13)?,
    };
    Ok((id, order))
}

fn undecodable(error: Box<dyn std::error::Error + Send + Sync>) -> sqlx::Error {
    sqlx::Error::Decode(error)
}
