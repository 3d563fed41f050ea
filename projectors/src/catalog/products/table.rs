//! The view's SQL.

use std::str::FromStr;

use catalog_schemas::Money;
use factline_postgres::{RowId, View};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Product, Products, State};
use crate::columns::{column, keys};

impl View for Products {
    const NAME: &'static str = "products";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Uuid>],
    ) -> Result<Vec<(RowId<Uuid>, Product)>, sqlx::Error> {
        // The query returns the partition that it was given, because all events of a product are in
        // one partition.
        let rows = sqlx::query(
            "select wanted.source_partition, product_id, name, brand, price_amount, currency, state, created_at, \
                    updated_at, version \
             from unnest($1::uuid[], $2::integer[]) as wanted (id, source_partition) \
             join products_v1.products on product_id = wanted.id",
        )
        .bind(keys(ids))
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        rows.iter().map(product).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Uuid>, Product)],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into products_v1.products as known \
                 (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version) \
             select product_id, name, brand, price_amount, currency, state, created_at, updated_at, version \
             from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], \
                         $7::timestamptz[], $8::timestamptz[], $9::bigint[]) \
                 as made (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version) \
             on conflict (product_id) do update set \
                 name = excluded.name, brand = excluded.brand, price_amount = excluded.price_amount, \
                 currency = excluded.currency, state = excluded.state, created_at = excluded.created_at, \
                 updated_at = excluded.updated_at, version = excluded.version",
        )
        .bind(column(rows, |id, _| id.key))
        .bind(column(rows, |_, product| product.name.as_str()))
        .bind(column(rows, |_, product| product.brand.as_str()))
        .bind(column(rows, |_, product| product.price.amount))
        .bind(column(rows, |_, product| product.price.currency.as_str()))
        .bind(column(rows, |_, product| product.state.as_str()))
        .bind(column(rows, |_, product| product.created_at))
        .bind(column(rows, |_, product| product.updated_at))
        .bind(column(rows, |_, product| product.version))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[RowId<Uuid>]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from products_v1.products where product_id = any($1)")
            .bind(keys(ids))
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn product(row: &PgRow) -> Result<(RowId<Uuid>, Product), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let state = row.try_get::<&str, _>(6)?.parse();
    let product = Product {
        name: row.try_get(2)?,
        brand: row.try_get(3)?,
        price: Money {
            amount: row.try_get(4)?,
            currency: row.try_get(5)?,
        },
        state: state.map_err(sqlx::Error::Decode)?,
        created_at: row.try_get(7)?,
        updated_at: row.try_get(8)?,
        version: row.try_get(9)?,
    };
    Ok((id, product))
}

impl FromStr for State {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("unknown state {text:?}").into())
    }
}
