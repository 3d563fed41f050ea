//! A view that writes one of its statements by hand.

use factline::{EventOf, Projection, Recorded};
use factline_postgres::{Columns, HostedView, Migrations, RowId, View, ViewSink};
use sqlx::PgConnection;

use crate::sales::{Event, SaleType, Till};
use crate::stage::{database, migration, registry, rows, write};

/// The customer of each sale, with the number of times that the row was written. A refund of 9
/// deletes the row.
struct Customers;

#[derive(Debug, Clone, PartialEq, Columns)]
struct Customer {
    name: String,
}

impl Projection for Customers {
    type Source = SaleType;
    type Key = String;
    type Row = Customer;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer[..1].to_owned()]
    }

    fn apply(
        _: &String,
        _: Option<Customer>,
        event: &Recorded<EventOf<SaleType>>,
    ) -> Option<Customer> {
        let Event::Sold(sold) = &event.event;
        let name = sold.customer.clone();
        (sold.amount != -9).then_some(Customer { name })
    }
}

impl View for Customers {
    const NAME: &'static str = "customers";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations = || {
        migration(
            "create table customers (id text primary key, name text not null, written integer)",
        )
    };

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<String>, Customer)],
    ) -> Result<(), sqlx::Error> {
        for (id, customer) in rows {
            sqlx::query(
                "insert into customers_v1.customers as known (id, name, written) values ($1, $2, 1) \
                 on conflict (id) do update set name = excluded.name, written = known.written + 1",
            )
            .bind(&id.key)
            .bind(&customer.name)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_by_hand_replaces_only_the_derived_one() {
    let pool = database().await;
    HostedView::of::<Customers>().migrate(&pool).await.unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, "by-hand.events").await;
    let sales = [
        till.sold(0, 1, "ann", 1),
        till.sold(0, 2, "bob", 1),
        // The row is loaded, and it is the same: it is not written again.
        till.sold(0, 3, "bob", 1),
        till.sold(0, 4, "anna", 1),
        till.sold(0, 5, "bob", -9),
    ];
    for sale in sales {
        let sink = ViewSink::<Customers>::new(registry.clone());
        write(&pool, sink, &[sale]).await;
    }
    assert_eq!(
        rows(&pool, "select * from read.customers").await,
        [r#"{"id": "a", "name": "anna", "written": 2}"#]
    );
}
