//! The view's SQL. Wide numbers are sent as text, which PostgreSQL's `numeric` parses exactly.

use factline_postgres::{RowId, View};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::{CustomerSpending, Purse, Spending};

type Id = RowId<Purse>;

impl View for CustomerSpending {
    const NAME: &'static str = "customer-spending";
    const VERSION: i32 = 1;

    async fn load(
        connection: &mut PgConnection,
        ids: &[Id],
    ) -> Result<Vec<(Id, Spending)>, sqlx::Error> {
        let (customers, currencies, partitions) = keys(ids);
        let rows = sqlx::query(
            "select customer_id, currency, source_partition, orders, units::text, total::text \
             from unnest($1::text[], $2::text[], $3::integer[]) as wanted (customer_id, currency, source_partition) \
             join customer_spending_v1.customer_spending using (customer_id, currency, source_partition)",
        )
        .bind(customers)
        .bind(currencies)
        .bind(partitions)
        .fetch_all(connection)
        .await?;
        rows.iter().map(spending).collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(Id, Spending)],
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<Id> = rows.iter().map(|(id, _)| id.clone()).collect();
        let (customers, currencies, partitions) = keys(&ids);
        let orders: Vec<i64> = rows.iter().map(|(_, row)| row.orders).collect();
        let units: Vec<String> = rows.iter().map(|(_, row)| row.units.to_string()).collect();
        let totals: Vec<String> = rows.iter().map(|(_, row)| row.total.to_string()).collect();
        sqlx::query(
            "insert into customer_spending_v1.customer_spending \
                 (customer_id, currency, source_partition, orders, units, total) \
             select customer_id, currency, source_partition, orders, units::numeric, total::numeric \
             from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[]) \
                 as made (customer_id, currency, source_partition, orders, units, total) \
             on conflict (customer_id, currency, source_partition) do update set \
                 orders = excluded.orders, units = excluded.units, total = excluded.total",
        )
        .bind(customers)
        .bind(currencies)
        .bind(partitions)
        .bind(orders)
        .bind(units)
        .bind(totals)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[Id]) -> Result<(), sqlx::Error> {
        let (customers, currencies, partitions) = keys(ids);
        sqlx::query(
            "delete from customer_spending_v1.customer_spending as known \
             using unnest($1::text[], $2::text[], $3::integer[]) as gone (customer_id, currency, source_partition) \
             where known.customer_id = gone.customer_id and known.currency = gone.currency \
               and known.source_partition = gone.source_partition",
        )
        .bind(customers)
        .bind(currencies)
        .bind(partitions)
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn keys(ids: &[Id]) -> (Vec<&str>, Vec<&str>, Vec<i32>) {
    (
        ids.iter().map(|id| id.key.customer_id.as_str()).collect(),
        ids.iter().map(|id| id.key.currency.as_str()).collect(),
        ids.iter().map(|id| id.source_partition).collect(),
    )
}

fn spending(row: &PgRow) -> Result<(Id, Spending), sqlx::Error> {
    let id = RowId {
        key: Purse {
            customer_id: row.try_get(0)?,
            currency: row.try_get(1)?,
        },
        source_partition: row.try_get(2)?,
    };
    let wide = |column: usize| {
        let text: &str = row.try_get(column)?;
        text.parse::<i128>()
            .map_err(|error| sqlx::Error::Decode(error.into()))
    };
    let spending = Spending {
        orders: row.try_get(3)?,
        units: wide(4)?,
        total: wide(5)?,
    };
    Ok((id, spending))
}
