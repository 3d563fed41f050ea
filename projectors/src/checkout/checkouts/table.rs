//! The view's SQL.

use std::str::FromStr;

use checkout_schemas::Money;
use factline_postgres::{RowId, View};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Checkout, Checkouts, State};
use crate::columns::{column, keys};

impl View for Checkouts {
    const NAME: &'static str = "checkouts";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Uuid>],
    ) -> Result<Vec<(RowId<Uuid>, Checkout)>, sqlx::Error> {
        // The query returns the partition that it was given, because all events of a checkout are
        // in one partition.
        let rows = sqlx::query(
            "select wanted.source_partition, checkout_id, customer_id, state, order_id, payment_id, total_amount, \
                    currency, code, reason, created_at, updated_at, version \
             from unnest($1::uuid[], $2::integer[]) as wanted (id, source_partition) \
             join checkouts_v1.checkouts on checkout_id = wanted.id",
        )
        .bind(keys(ids))
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        rows.iter().map(checkout).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Uuid>, Checkout)],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into checkouts_v1.checkouts as known \
                 (checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, \
                  created_at, updated_at, version) \
             select checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, \
                    created_at, updated_at, version \
             from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], \
                         $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::bigint[]) \
                 as made (checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, \
                          created_at, updated_at, version) \
             on conflict (checkout_id) do update set \
                 customer_id = excluded.customer_id, state = excluded.state, order_id = excluded.order_id, \
                 payment_id = excluded.payment_id, total_amount = excluded.total_amount, \
                 currency = excluded.currency, code = excluded.code, reason = excluded.reason, \
                 created_at = excluded.created_at, updated_at = excluded.updated_at, version = excluded.version",
        )
        .bind(column(rows, |id, _| id.key))
        .bind(column(rows, |_, checkout| checkout.customer_id.as_str()))
        .bind(column(rows, |_, checkout| checkout.state.as_str()))
        .bind(column(rows, |_, checkout| checkout.order_id))
        .bind(column(rows, |_, checkout| checkout.payment_id))
        .bind(column(rows, |_, one| one.total.as_ref().map(|total| total.amount)))
        .bind(column(rows, |_, one| one.total.as_ref().map(|total| total.currency.as_str())))
        .bind(column(rows, |_, checkout| checkout.code.as_deref()))
        .bind(column(rows, |_, checkout| checkout.reason.as_deref()))
        .bind(column(rows, |_, checkout| checkout.created_at))
        .bind(column(rows, |_, checkout| checkout.updated_at))
        .bind(column(rows, |_, checkout| checkout.version))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[RowId<Uuid>]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from checkouts_v1.checkouts where checkout_id = any($1)")
            .bind(keys(ids))
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn checkout(row: &PgRow) -> Result<(RowId<Uuid>, Checkout), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let state = row.try_get::<&str, _>(3)?.parse();
    let amount: Option<i64> = row.try_get(6)?;
    let currency: Option<String> = row.try_get(7)?;
    let checkout = Checkout {
        customer_id: row.try_get(2)?,
        state: state.map_err(sqlx::Error::Decode)?,
        order_id: row.try_get(4)?,
        payment_id: row.try_get(5)?,
        total: amount
            .zip(currency)
            .map(|(amount, currency)| Money { amount, currency }),
        code: row.try_get(8)?,
        reason: row.try_get(9)?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
        version: row.try_get(12)?,
    };
    Ok((id, checkout))
}

impl FromStr for State {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("unknown state {text:?}").into())
    }
}
