//! Mistakes in the table of a view: each is refused with a sentence that names the column.

use factline::{EventOf, Projection, Recorded};
use factline_postgres::view::migrate::Error;
use factline_postgres::{Columns, HostedView, Migrations, RowKey, View};
use sqlx::PgPool;

use crate::sales::SaleType;
use crate::stage::{database, migration, sql};

struct Orders;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, RowKey)]
struct Key {
    shop: String,
    number: i64,
}

#[derive(Debug, Clone, PartialEq, Columns)]
struct Order {
    customer: String,
    note: Option<String>,
}

impl Projection for Orders {
    type Source = SaleType;
    type Key = Key;
    type Row = Order;

    fn keys(_: &Recorded<EventOf<SaleType>>) -> Vec<Key> {
        Vec::new()
    }

    fn apply(_: &Key, row: Option<Order>, _: &Recorded<EventOf<SaleType>>) -> Option<Order> {
        row
    }
}

impl View for Orders {
    const NAME: &'static str = "orders";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations = || {
        migration(
            "create table orders (
                shop text, number bigint, customer text not null, note text,
                search text generated always as (lower(customer)) stored,
                made timestamptz not null default now(),
                primary key (number, shop)
            )",
        )
    };
}

/// Changes the table and returns the refusal, without the name of the view.
async fn refusal(pool: &PgPool, change: &str) -> String {
    sql(pool, change).await;
    let error = HostedView::of::<Orders>().migrate(pool).await.unwrap_err();
    match error {
        Error::Table { source, .. } => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn table_that_does_not_fit_the_struct_is_refused() {
    let cases = [
        (
            "drop table orders_v1.orders cascade",
            "there is no table orders_v1.orders: a migration must create it, with an unqualified name",
        ),
        (
            "alter table orders_v1.orders rename customer to buyer",
            "table orders_v1.orders has no column customer text",
        ),
        (
            "alter table orders_v1.orders alter note type varchar",
            "column note of table orders_v1.orders is character varying, but the struct stores text",
        ),
        (
            "alter table orders_v1.orders alter note set not null",
            "column note of table orders_v1.orders is not null, but its field is an Option",
        ),
        (
            "alter table orders_v1.orders drop note,
                 add note text generated always as (shop) stored",
            "column note of table orders_v1.orders is generated: remove it from the struct, or let \
             a reader's struct have it",
        ),
        (
            "alter table orders_v1.orders add priority integer not null",
            "column priority of table orders_v1.orders is not null and has no default, but the \
             struct does not have it",
        ),
        (
            "alter table orders_v1.orders drop constraint orders_pkey, add primary key (number)",
            "table orders_v1.orders has no primary key (number, shop)",
        ),
    ];
    for (change, expected) in cases {
        let pool = database().await;
        HostedView::of::<Orders>().migrate(&pool).await.unwrap();
        // The stable names would keep the columns.
        sql(&pool, "drop view read.orders").await;
        assert_eq!(refusal(&pool, change).await, expected, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_migration_is_refused() {
    let pool = database().await;
    HostedView::of::<Orders>().migrate(&pool).await.unwrap();
    sql(&pool, "update orders_v1.migrations set checksum = ''").await;
    let error = HostedView::of::<Orders>().migrate(&pool).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "migration 1 of view orders version 1 was edited after it was applied: restore it, or raise \
         VERSION, so that the view is filled again in tables of its own"
    );
}
