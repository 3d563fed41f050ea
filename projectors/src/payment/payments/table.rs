//! The view's SQL.

use std::str::FromStr;

use factline_postgres::{RowId, View};
use payment_schemas::Money;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Payment, Payments, State};
use crate::columns::{column, keys};

impl View for Payments {
    const NAME: &'static str = "payments";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Uuid>],
    ) -> Result<Vec<(RowId<Uuid>, Payment)>, sqlx::Error> {
        // The query returns the partition that it was given, because all events of a payment are in
        // one partition.
        let rows = sqlx::query(
            "select wanted.source_partition, payment_id, reference, state, amount, currency, method, code, reason, \
                    charges::text, created_at, updated_at, version \
             from unnest($1::uuid[], $2::integer[]) as wanted (id, source_partition) \
             join payments_v1.payments on payment_id = wanted.id",
        )
        .bind(keys(ids))
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        rows.iter().map(payment).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Uuid>, Payment)],
    ) -> Result<(), sqlx::Error> {
        let charges: Result<Vec<String>, _> = rows
            .iter()
            .map(|(_, payment)| serde_json::to_string(&payment.charges))
            .collect();
        let charges = charges.map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "insert into payments_v1.payments as known \
                 (payment_id, reference, state, amount, currency, method, code, reason, charges, created_at, updated_at, \
                  version) \
             select payment_id, reference, state, amount, currency, method, code, reason, charges::jsonb, created_at, \
                    updated_at, version \
             from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], \
                         $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::bigint[]) \
                 as made (payment_id, reference, state, amount, currency, method, code, reason, charges, created_at, \
                          updated_at, version) \
             on conflict (payment_id) do update set \
                 reference = excluded.reference, state = excluded.state, amount = excluded.amount, \
                 currency = excluded.currency, method = excluded.method, code = excluded.code, \
                 reason = excluded.reason, charges = excluded.charges, created_at = excluded.created_at, \
                 updated_at = excluded.updated_at, version = excluded.version",
        )
        .bind(column(rows, |id, _| id.key))
        .bind(column(rows, |_, payment| payment.reference.as_str()))
        .bind(column(rows, |_, payment| payment.state.as_str()))
        .bind(column(rows, |_, one| one.amount.as_ref().map(|money| money.amount)))
        .bind(column(rows, |_, one| one.amount.as_ref().map(|money| money.currency.as_str())))
        .bind(column(rows, |_, payment| payment.method.as_deref()))
        .bind(column(rows, |_, payment| payment.code.as_deref()))
        .bind(column(rows, |_, payment| payment.reason.as_deref()))
        .bind(charges)
        .bind(column(rows, |_, payment| payment.created_at))
        .bind(column(rows, |_, payment| payment.updated_at))
        .bind(column(rows, |_, payment| payment.version))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[RowId<Uuid>]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from payments_v1.payments where payment_id = any($1)")
            .bind(keys(ids))
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn payment(row: &PgRow) -> Result<(RowId<Uuid>, Payment), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let state = row.try_get::<&str, _>(3)?.parse();
    let amount: Option<i64> = row.try_get(4)?;
    let currency: Option<String> = row.try_get(5)?;
    let charges = serde_json::from_str(row.try_get(9)?);
    let payment = Payment {
        reference: row.try_get(2)?,
        state: state.map_err(sqlx::Error::Decode)?,
        amount: amount
            .zip(currency)
            .map(|(amount, currency)| Money { amount, currency }),
        method: row.try_get(6)?,
        code: row.try_get(7)?,
        reason: row.try_get(8)?,
        charges: charges.map_err(|error| sqlx::Error::Decode(error.into()))?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
        version: row.try_get(12)?,
    };
    Ok((id, payment))
}

impl FromStr for State {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("unknown state {text:?}").into())
    }
}
