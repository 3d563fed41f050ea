//! The view's SQL.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use factline_postgres::{RowId, View};
use ordering_schemas::Money;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Order, Orders, State};
use crate::columns::{column, keys};

impl View for Orders {
    const NAME: &'static str = "orders";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Uuid>],
    ) -> Result<Vec<(RowId<Uuid>, Order)>, sqlx::Error> {
        // The query returns the partition that it was given, because all events of an order are in
        // one partition.
        let rows = sqlx::query(
            "select wanted.source_partition, order_id, customer_id, state, lines::text, units, total_amount, currency, \
                    source, ordered_on, ordered_at, updated_at, cancel_reason, version \
             from unnest($1::uuid[], $2::integer[]) as wanted (id, source_partition) \
             join orders_v1.orders on order_id = wanted.id",
        )
        .bind(keys(ids))
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        rows.iter().map(order).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Uuid>, Order)],
    ) -> Result<(), sqlx::Error> {
        let lines: Result<Vec<String>, _> = rows
            .iter()
            .map(|(_, order)| serde_json::to_string(&order.lines))
            .collect();
        let lines = lines.map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "insert into orders_v1.orders as known \
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

    async fn delete(connection: &mut PgConnection, ids: &[RowId<Uuid>]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from orders_v1.orders where order_id = any($1)")
            .bind(keys(ids))
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn order(row: &PgRow) -> Result<(RowId<Uuid>, Order), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let lines: &str = row.try_get(4)?;
    let order = Order {
        customer_id: row.try_get(2)?,
        state: row.try_get::<&str, _>(3)?.parse().map_err(undecodable)?,
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

impl FromStr for State {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("unknown state {text:?}").into())
    }
}
