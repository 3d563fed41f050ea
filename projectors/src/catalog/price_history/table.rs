//! The view's SQL.

use catalog_schemas::Money;
use factline_postgres::{RowId, View};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Key, Price, PriceHistory};

type Id = RowId<Key>;

impl View for PriceHistory {
    const NAME: &'static str = "price-history";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[Id],
    ) -> Result<Vec<(Id, Price)>, sqlx::Error> {
        let (products, versions) = keys(ids);
        // The query returns the partition that it was given, because all events of a product are in
        // one partition.
        let rows = sqlx::query(
            "select source_partition, product_id, version, amount, currency, since \
             from unnest($1::uuid[], $2::bigint[], $3::integer[]) as wanted (product_id, version, source_partition) \
             join price_history_v1.price_history using (product_id, version)",
        )
        .bind(products)
        .bind(versions)
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        rows.iter().map(price).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(Id, Price)],
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<Id> = rows.iter().map(|(id, _)| id.clone()).collect();
        let (products, versions) = keys(&ids);
        let amounts: Vec<i64> = rows.iter().map(|(_, row)| row.price.amount).collect();
        let currencies: Vec<_> = rows
            .iter()
            .map(|(_, row)| row.price.currency.as_str())
            .collect();
        let since: Vec<_> = rows.iter().map(|(_, row)| row.since).collect();
        sqlx::query(
            "insert into price_history_v1.price_history as known (product_id, version, amount, currency, since) \
             select product_id, version, amount, currency, since \
             from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[]) \
                 as made (product_id, version, amount, currency, since) \
             on conflict (product_id, version) do update set \
                 amount = excluded.amount, currency = excluded.currency, since = excluded.since",
        )
        .bind(products)
        .bind(versions)
        .bind(amounts)
        .bind(currencies)
        .bind(since)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[Id]) -> Result<(), sqlx::Error> {
        let (products, versions) = keys(ids);
        sqlx::query(
            "delete from price_history_v1.price_history as known \
             using unnest($1::uuid[], $2::bigint[]) as gone (product_id, version) \
             where known.product_id = gone.product_id and known.version = gone.version",
        )
        .bind(products)
        .bind(versions)
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn keys(ids: &[Id]) -> (Vec<Uuid>, Vec<i64>) {
    ids.iter()
        .map(|id| (id.key.product_id, id.key.version))
        .unzip()
}

fn price(row: &PgRow) -> Result<(Id, Price), sqlx::Error> {
    let id = RowId {
        source_partition: row.try_get(0)?,
        key: Key {
            product_id: row.try_get(1)?,
            version: row.try_get(2)?,
        },
    };
    let price = Price {
        price: Money {
            amount: row.try_get(3)?,
            currency: row.try_get(4)?,
        },
        since: row.try_get(5)?,
    };
    Ok((id, price))
}
